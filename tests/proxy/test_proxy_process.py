"""`python -m proxy` as the supervisor starts it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket

import pytest
import zmq
from live_proxy import start_proxy
from websockets.asyncio.client import connect

from bus.control.channel import ControlServer
from bus.control.exits import Exit
from bus.control.messages import Acknowledge, Heartbeat, Hello
from bus.secret import Secret
from bus.settings import AdapterEntry, ProxyBootstrap, ProxySettings
from identity.keys import KeyStore

pytestmark = pytest.mark.process


class Supervisor:
    """Starts a proxy and hears what it says."""

    def __init__(self, tmp_path):
        self.tmp_path = tmp_path
        self.context = zmq.Context()
        self.secret = Secret("s")
        self.messages = asyncio.Queue()
        self.control = ControlServer(self.context, secret=self.secret, on_message=self.on_message)

    def on_message(self, identity, message):
        self.control.send(identity, Acknowledge())
        self.messages.put_nowait(message)

    async def start(self, port=0):
        boot = ProxyBootstrap(
            proxy=ProxySettings(port=port),
            adapters=[AdapterEntry("zerodha", "zerodha")],
            keys_path=str(self.tmp_path / "keys.sqlite3"),
        )
        return await start_proxy(self.control, self.secret, boot, stderr=asyncio.subprocess.PIPE)

    async def hear(self, kind):
        async with asyncio.timeout(20):
            while not isinstance(message := await self.messages.get(), kind):
                pass
        return message

    def close(self):
        self.control.close()
        self.context.term()


def test_process_serves_beats_and_ends_when_told(tmp_path):
    async def scenario():
        supervisor = Supervisor(tmp_path)
        process = await supervisor.start()
        address = (await supervisor.hear(Hello)).endpoint
        assert (await supervisor.hear(Heartbeat)).ready
        with KeyStore(tmp_path / "keys.sqlite3") as keys:
            key = keys.create("alice")
        async with connect(address) as client:
            await client.send(json.dumps({"action": "auth", "api_key": key}))
            assert json.loads(await client.recv())["user_id"] == "alice"
            while (await supervisor.hear(Heartbeat)).stats["clients"] != 1:
                pass
            process.send_signal(signal.SIGTERM)
            _, log = await process.communicate()
        assert process.returncode == Exit.CLEAN
        assert key not in log.decode()
        supervisor.close()

    asyncio.run(scenario())


def test_process_with_a_busy_port_says_so_in_one_line(tmp_path):
    async def scenario():
        supervisor = Supervisor(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            process = await supervisor.start(taken.getsockname()[1])
            _, log = await process.communicate()
        assert process.returncode == Exit.CONFIGURATION
        (line,) = log.decode().splitlines()
        assert "is in use by another program" in line
        supervisor.close()

    asyncio.run(scenario())
