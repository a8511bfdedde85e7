"""The warm template: what its children get, what they do not, and what happens when it dies."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from bus.clock import SystemClock
from bus.control.bootstrap import Bootstrap
from bus.secret import Secret
from supervisor.processes.births import Born, Exited, FromTemplate, Lines, Preload, encode
from supervisor.processes.handles import UNKNOWN_EXIT, Child, Forked
from supervisor.processes.nursery import Nursery
from supervisor.processes.template import preload

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]
MODULE = "nursling"
SECRET = "planted-secret-for-a-child-only"
KILLS = int(os.environ.get("OPENALGO_STREAM_TEST_KILLS", "100"))


def boot(name="child", **settings):
    return Bootstrap(
        name=name,
        role="adapter",
        generation=1,
        control="tcp://127.0.0.1:1",
        secret=Secret(SECRET),
        orphan_grace_s=1.0,
        settings=msgspec.Raw(json.dumps(settings).encode()),
    )


_PRELOAD = Preload(["psutil", MODULE])


class Ward:
    """A nursery, its log files, and everything it ever had, to be ended with the test."""

    def __init__(self, folder: Path, preload=_PRELOAD):
        self.folder = folder
        self.exits = asyncio.Event()
        self.nursery = Nursery(
            preload,
            folder / "template.log",
            on_exit=self.exits.set,
            clock=SystemClock(),
        )
        self.children = []

    async def __aenter__(self):
        self.nursery.start()
        await self.until(lambda: self.nursery.warm)
        return self

    async def __aexit__(self, *_):
        for child in self.children:
            child.kill()
        await self.until(lambda: all(child.poll() is not None for child in self.children))
        self.nursery.close()

    def spawn(self, name="child", **settings):
        self.children.append(
            self.nursery.spawn(MODULE, boot(name, **settings), self.folder / f"{name}.log")
        )
        return self.children[-1]

    async def facts(self, name="child"):
        log = self.folder / f"{name}.log"
        await self.until(lambda: log.exists() and log.read_text().count("\n") >= 2)
        return json.loads(log.read_text().splitlines()[0])

    async def ended(self, child):
        await self.until(lambda: child.poll() is not None)
        return child.poll()

    async def until(self, condition, timeout_s=10.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "template.log").read_text()
            self.exits.clear()
            try:
                await asyncio.wait_for(self.exits.wait(), 0.02)
            except TimeoutError:
                continue


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a test's coroutine with a ward; the environment holds what must not be inherited."""
    support = str(Path(sys.modules["system"].__file__).parent)
    monkeypatch.setenv("PYTHONPATH", support)
    monkeypatch.setenv("PLANTED_TOKEN", "not for children")

    def run(test, preload=_PRELOAD):
        async def inside():
            async with Ward(tmp_path, preload) as ward:
                await test(ward)

        asyncio.run(inside())

    return run


def test_a_child_has_its_own_session_streams_and_luck_and_nothing_of_the_template(run):
    async def test(ward):
        one, two = ward.spawn("one"), ward.spawn("two")
        assert isinstance(one, Forked)
        first, second = await ward.facts("one"), await ward.facts("two")
        assert (first["pid"], second["pid"]) == (one.pid, two.pid)
        assert first["session"] == one.pid
        assert "PLANTED_TOKEN" not in first["environment"]
        # Its three streams, and the folder that it reads for this answer.
        assert len(first["descriptors"]) == 4
        assert first["descriptors"][:3] == [0, 1, 2]
        assert first["threads"] == 1
        assert first["secret"] == SECRET
        assert first["rest"] == ""
        assert first["random"] != second["random"]
        if sys.platform == "linux":
            assert first["name"] == "one"
        assert "to standard error" in (ward.folder / "one.log").read_text()

    run(test)


def test_a_child_of_a_template_that_rehearsed_is_like_any_other(run):
    async def test(ward):
        child = ward.spawn()
        facts = await ward.facts()
        assert (facts["threads"], len(facts["descriptors"])) == (1, 4)
        child.terminate()
        assert await ward.ended(child) == -signal.SIGTERM
        assert not any((ward.folder / "template.log").read_text().splitlines())

    run(test, preload=Preload(["adapters", MODULE], ["zerodha"], rehearse=True))


def test_a_template_that_cannot_rehearse_is_followed_by_one_that_need_not(
    run, tmp_path, monkeypatch
):
    server = tmp_path / "simulators" / "server.py"
    server.parent.mkdir()
    (server.parent / "__init__.py").touch()
    server.write_text(
        "class SimulatorServer:\n"
        "    def __init__(self, settings): pass\n"
        "    async def start(self): raise OSError('no port to be had')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    async def test(ward):
        assert isinstance(ward.spawn(exit=7), Forked)
        assert await ward.ended(ward.children[-1]) == 7

    run(test, preload=Preload([MODULE], ["zerodha"], rehearse=True))
    logs = "".join(file.read_text() for file in tmp_path.glob("template.log*"))
    assert "no rehearsal: OSError: no port to be had" in logs


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_template_holds_no_thread_no_socket_but_its_own_and_no_secret(run):
    async def test(ward):
        for number in range(5):
            ward.spawn(f"child{number}")
        pid = ward.nursery.pid
        assert len(names(f"/proc/{pid}/task")) == 1
        targets = [str(file.readlink()) for file in names(f"/proc/{pid}/fd")]
        assert sum(target.startswith("socket:") for target in targets) == 3
        assert not any(target.startswith("pipe:") for target in targets)
        assert SECRET.encode() not in memory_of(pid)
        assert "PLANTED_TOKEN" not in psutil.Process(pid).environ()

    run(test)


def names(folder):
    return list(Path(folder).iterdir())


def memory_of(pid):
    found = b""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span = re.match(r"(\w+)-(\w+) rw", line)
            if span:
                memory.seek(int(span[1], 16))
                found += memory.read(int(span[2], 16) - int(span[1], 16)) or b""
    return found


def test_exit_codes_are_told(run):
    async def test(ward):
        assert await ward.ended(ward.spawn("wrong", exit=78)) == 78
        assert await ward.ended(ward.spawn("fine", exit=0)) == 0
        stopped = ward.spawn("stopped")
        await ward.facts("stopped")
        stopped.terminate()
        assert await ward.ended(stopped) == -signal.SIGTERM

    run(test)


def test_many_kills_leave_no_zombie_and_no_descriptor(run):
    async def test(ward):
        template = psutil.Process(ward.nursery.pid)
        await ward.ended(ward.spawn("first", exit=0))
        before = psutil.Process().num_fds(), template.num_fds()
        began = time.monotonic()
        for _ in range(KILLS):
            child = ward.spawn("child")
            child.kill()
            assert await ward.ended(child) == -signal.SIGKILL
        took_ms = (time.monotonic() - began) / KILLS * 1000
        print(f"{KILLS} children forked, killed and reaped, {took_ms:.1f} ms each")
        assert template.children() == []
        assert (psutil.Process().num_fds(), template.num_fds()) == before
        assert ward.nursery.pid == template.pid

    run(test)


def test_a_template_that_dies_takes_no_child_with_it_and_is_replaced(run):
    async def test(ward):
        child = ward.spawn("child")
        await ward.facts("child")
        dead = ward.nursery.pid
        os.kill(dead, signal.SIGKILL)
        await ward.until(lambda: ward.nursery.pid != dead)
        assert child.poll() is None
        meanwhile = ward.spawn("meanwhile", exit=3)
        assert isinstance(meanwhile, Child), "no template is warm yet: it was started plainly"
        assert await ward.ended(meanwhile) == 3
        await ward.until(lambda: ward.nursery.warm)
        assert isinstance(ward.spawn("after"), Forked)
        assert child.poll() is None
        child.kill()
        assert await ward.ended(child) == UNKNOWN_EXIT

    run(test)


def test_a_template_that_hangs_delays_a_child_and_no_more(run):
    async def test(ward):
        hung = ward.nursery.pid
        os.kill(hung, signal.SIGSTOP)
        assert isinstance(ward.spawn("child", exit=5), Child)
        assert not psutil.pid_exists(hung)
        assert await ward.ended(ward.children[-1]) == 5
        await ward.until(lambda: ward.nursery.warm)

    run(test)


def test_what_cannot_be_imported_is_named_and_the_rest_is_there():
    failed = preload(Preload(["marketdata", "no_such_module"], ["no-such-broker"]))
    assert [text.partition(":")[0] for text in failed] == ["no_such_module", "no-such-broker"]


def test_messages_come_whole_whatever_the_pieces():
    sent = [Born(7), Exited(7, -9), Born(8)]
    data = b"".join(map(encode, sent))
    lines: Lines[FromTemplate] = Lines(FromTemplate)
    got = [m for n in range(len(data)) for m in lines.feed(data[n : n + 1])]
    assert got == sent
