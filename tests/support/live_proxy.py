"""A proxy process as the supervisor starts it, with a pretend adapter and one healthy client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time

import msgspec
import psutil
import zmq
from websockets.asyncio.client import connect

from bus.access import AccessSettings, LimitSettings, RoleSettings
from bus.control.bootstrap import Bootstrap
from bus.control.channel import ControlServer
from bus.control.messages import Acknowledge, Directory, Heartbeat, Hello, PublisherEntry
from bus.events import Accepted, encode_event
from bus.publisher import Publisher
from bus.secret import Secret, encode_secret
from bus.settings import AdapterEntry, ProxyBootstrap, ProxySettings
from bus.topics import Mode, Topic
from identity.keys import KeyStore

MANY = 10**6
#: Nothing is limited.
BOUNDLESS = LimitSettings(
    connections_per_address=MANY,
    handshakes_per_minute=MANY,
    unauthenticated=MANY,
    messages_per_s=MANY,
    message_burst=MANY,
    free_failed_logins=MANY,
)
TICK_S = 0.005
SBIN = Topic.make("zerodha", "NSE", "SBIN", Mode.LTP).wire


async def start_proxy(control, secret, boot, stderr=asyncio.subprocess.DEVNULL):
    """`python -m proxy`, told what it needs to know."""
    line = Bootstrap(
        name="proxy",
        role="proxy",
        generation=1,
        control=control.endpoint,
        secret=secret,
        orphan_grace_s=30.0,
        settings=msgspec.Raw(msgspec.json.encode(boot, enc_hook=encode_secret)),
    ).line()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", stdin=asyncio.subprocess.PIPE, stderr=stderr
    )
    process.stdin.write(line)
    return process


class LiveProxy:
    """Its adapter takes every demand; `key` may have any number of connections."""

    def __init__(self, folder, limits=BOUNDLESS):
        self.limits = limits
        self.context = zmq.Context()
        self.secret = Secret("s")
        self.hello = asyncio.get_running_loop().create_future()
        self.stats = {}
        self.control = ControlServer(self.context, secret=self.secret, on_message=self.heard)
        self.publisher = Publisher(
            self.context,
            adapter="zerodha",
            generation=1,
            secret=self.secret,
            on_demand=self.answer,
        )
        self.keys_path = folder / "keys.sqlite3"
        with KeyStore(self.keys_path) as keys:
            self.key = keys.create("many", role="many")

    def answer(self, demands):
        for demand in demands:
            if demand.wanted:
                self.publisher.publish_event(encode_event(Accepted(demand.topic[:-1].decode())), 0)

    def heard(self, identity, message):
        self.control.send(identity, Acknowledge())
        if isinstance(message, Hello):
            entry = PublisherEntry("zerodha", 1, self.publisher.endpoint, "zerodha")
            self.control.send(identity, Directory([entry]))
            self.hello.set_result(message.endpoint)
        elif isinstance(message, Heartbeat):
            self.stats = message.stats

    async def start(self):
        roles = {"many": RoleSettings(orders=True, connections=MANY)}
        boot = ProxyBootstrap(
            proxy=ProxySettings(port=0),
            adapters=[AdapterEntry("zerodha", "zerodha")],
            keys_path=str(self.keys_path),
            access=AccessSettings(roles=roles, limits=self.limits),
        )
        self.process = await start_proxy(self.control, self.secret, boot)
        async with asyncio.timeout(20):
            self.address = await self.hello
        self.usage = psutil.Process(self.process.pid)

    def rss(self):
        return self.usage.memory_info().rss

    async def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        code = await self.process.wait()
        self.publisher.close()
        self.control.close()
        self.context.term()
        return code

    async def healthy(self, until):
        """Subscribes, then checks every tick; returns how many came, and the latest in s."""
        worst = 0.0
        async with connect(self.address, compression=None) as client:
            await client.send(json.dumps({"action": "auth", "api_key": self.key}))
            await client.send(json.dumps({"action": "subscribe", "symbol": "SBIN", "mode": 1}))
            for expected in ("auth", "subscribe"):
                assert json.loads(await client.recv())["type"] == expected
            ticking = asyncio.create_task(self.tick(until))
            for count in itertools.count(1):
                async with asyncio.timeout(10):
                    data = json.loads(await client.recv())["data"]
                assert data["n"] == count
                worst = max(worst, time.monotonic() - data["at"])
                if data["last"]:
                    await ticking
                    return count, worst
        raise AssertionError

    async def tick(self, until):
        for number in itertools.count(1):
            last, now = until.is_set(), time.monotonic()
            data = {"symbol": "SBIN", "exchange": "NSE", "n": number, "at": now, "last": last}
            self.publisher.publish(SBIN, msgspec.json.encode(data), 1)
            if last:
                return
            await asyncio.sleep(TICK_S)
