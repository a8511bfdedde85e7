"""`restart proxy` with many clients, with several workers, and with a kill -9 in its middle."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from system import CLI
from tally import SYMBOLS, Counting, everybody, market
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import connect as dial

from bus.moving.passing import can_pass_sockets

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not can_pass_sockets(), reason="sockets cannot be passed here"),
]

IDLE = int(os.environ.get("OPENALGO_STREAM_TEST_IDLE", "1000"))
MANY = """
[limits]
connections_per_address = 10000
handshakes_per_minute = 100000
[roles.trader]
connections = 10000
orders = true
"""


def test_a_thousand_idle_clients_are_moved_and_none_is_closed(system):
    one = system(market(500) + MANY).up()
    key, address = one.key(), one.url()

    async def join(client):
        await client.send(json.dumps({"action": "authenticate", "api_key": key}))
        assert json.loads(await client.recv())["status"] == "success"

    async def scenario():
        clients = []
        while len(clients) < IDLE:  # a few at a time: who has not logged in makes room for others
            opening = (connect(address, open_timeout=60, ping_interval=None) for _ in range(20))
            some = await asyncio.gather(*opening)
            await asyncio.gather(*map(join, some))
            clients += some
        began = time.monotonic()
        told = (await asyncio.to_thread(one.run, "restart", "proxy")).stdout
        took_s = time.monotonic() - began
        assert all(client.state is State.OPEN for client in clients)
        for client in clients:
            await client.send('{"action":"ping"}')
        for client in clients:
            assert json.loads(await asyncio.wait_for(client.recv(), 30))["type"] == "pong"
        for client in clients:
            client.transport.abort()
        return told, took_s

    told, took_s = asyncio.run(scenario())
    stats = one.process("proxy")["stats"]
    pause_ms = stats["longest_pause_ms"]
    print(f"{told}{IDLE} idle clients: {took_s:.2f} s, longest pause of one {pause_ms} ms")
    assert f"connections moved: {IDLE} of {IDLE}" in told
    assert stats["arrived"] == IDLE


def clients_of(one, name):
    return one.process(name)["stats"]["clients"]


def test_each_worker_is_handed_over_by_itself(system):
    one = system(market())
    one.config.write_text(one.config.read_text().replace("[proxy]\n", "[proxy]\nworkers = 2\n"))
    one.up()
    clients = everybody(one, one.key(), *[(SYMBOLS[:10], 1)] * 12)
    by_worker = {}

    def all_are_told():
        for name in ("proxy", "proxy-2"):
            by_worker[name] = clients_of(one, name)
        return sum(by_worker.values()) == len(clients)

    one.wait_for(all_are_told)
    for name, count in by_worker.items():
        before = one.process(name)
        told = one.run("restart", name).stdout
        assert f"connections moved: {count} of {count}" in told
        one.wait_for(lambda name=name, count=count: clients_of(one, name) == count)
        after = one.process(name)
        assert after["endpoint"] == before["endpoint"]
        assert after["pid"] != before["pid"]
        late = Counting(one, one.key(name), SYMBOLS[:1])
        one.wait_for(lambda late=late: late.tally.received > 10)
        late.stop()
    for client in clients:
        client.stop()
        assert not client.closed
        client.tally.assert_exactly_once(client.symbols)


@pytest.fixture
def stack():
    with contextlib.ExitStack() as one:
        yield one


def successor(one, name, known):
    """The pid of the generation that is to come, once there is one."""
    run = msgspec.json.decode(Path(one.folder / "state" / "run.json").read_bytes())
    pids = [p["pid"] for p in run["processes"] if p["name"] == name and p["pid"] != known]
    return pids[0] if pids else None


@pytest.mark.parametrize("who", ["new", "old"])
def test_kill_9_in_the_middle_is_seen_by_who_was_on_that_side_only(system, seeded, stack, who):
    """Whoever is closed was told everything up to then, and who is not, everything."""
    one = system(market() + MANY).up()
    key, address = one.key(), one.url()
    # Those that are idle were there first, so that these are moved one batch after the other.
    clients, idle = [], []
    stack.callback(lambda: [client.stop() for client in clients])
    for _ in range(8):
        idle += [stack.enter_context(dial(address, close_timeout=1)) for _ in range(20)]
        for client in idle[-20:]:
            client.send(json.dumps({"action": "authenticate", "api_key": key}))
            assert json.loads(client.recv(timeout=30))["status"] == "success"
        clients.append(Counting(one, key, SYMBOLS[:5]))
    one.wait_for(lambda: all(c.tally.received > 20 * len(c.symbols) for c in clients))
    for client in clients:
        client.forget()
    one.wait_for(lambda: all(len(c.tally.last) == len(c.symbols) for c in clients))
    before = one.process("proxy")
    command = [*CLI, "restart", "proxy", "--config", str(one.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=one.folder) as restart:
        told = ""
        while "joined the bus" not in told and (line := restart.stdout.readline()):
            told += line
        pid = before["pid"] if who == "old" else successor(one, "proxy", before["pid"])
        time.sleep(0.1 * seeded.random())  # wherever that is in its course
        if pid is not None and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)
        told += restart.stdout.read()
    one.wait_for(one.settled)
    late = Counting(one, one.key("late"), SYMBOLS[:1])
    one.wait_for(lambda: late.tally.received > 10)
    late.stop()
    assert one.process("proxy")["endpoint"] == before["endpoint"]
    closed = 0
    for client in clients:
        client.stop()
        client.tally.assert_exactly_once(client.symbols)
        closed += bool(client.closed)
    for client in idle:
        with contextlib.suppress(ConnectionClosed):
            client.send('{"action":"ping"}')
            assert json.loads(client.recv(timeout=10))["type"] == "pong"
    gone = sum(client.state is not State.OPEN for client in idle)
    print(
        f"{told}{who} killed: {closed} of {len(clients)} readers closed, {gone} of {len(idle)} idle"
    )
