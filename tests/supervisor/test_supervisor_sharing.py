"""What the template does before it forks: nothing changes but what children share with it."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from supervisor.processes import sharing

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
COUNTS = pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="this interpreter has no immortal objects"
)


def run(script):
    """What a script says as JSON, in an interpreter of its own: settling is for ever."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def test_an_interpreter_that_is_not_known_is_left_alone(monkeypatch):
    known = (3, 12) <= sys.version_info[:2] <= (3, 13)
    assert sharing.can_be_immortal() is known
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert not sharing.can_be_immortal()


@COUNTS
def test_references_to_what_was_there_are_not_counted_and_those_to_new_things_are():
    counts = run("""
        import asyncio, gc, json, sys, types
        from supervisor.processes import sharing

        class Old:
            def method(self): return [self]

        def f(x, y=(1.5, "a constant")): return x, y

        old = {"key": Old(), ("a", 2.5): "value" * 3}
        things = [old, old["key"], Old, f, f.__code__.co_consts, f.__defaults__[0],
                  *old, type.__dict__["mro"], types.SimpleNamespace(here=1)]
        sharing.settle()
        before = [sys.getrefcount(thing) for thing in things]
        more = things * 50
        after = [sys.getrefcount(thing) for thing in things]
        fresh = Old()
        one = sys.getrefcount(fresh)
        held = [fresh] * 5
        async def work(): return await asyncio.sleep(0, f(fresh.method()))
        asyncio.run(work())
        old.clear()
        gc.collect()
        print(json.dumps([before, after, one, sys.getrefcount(fresh)]))
    """)
    before, after, one, more = counts
    assert before == after
    assert set(before) == {0xFFFF_FFFF}
    assert more == one + 5


@COUNTS
@LINUX
def test_a_child_that_reads_copies_next_to_nothing():
    script = """
        import os, sys
        from supervisor.processes import sharing
        things = [str(number) + "x" for number in range(200_000)]
        {settle}
        pid = os.fork()
        if pid == 0:
            for thing in things: pass
            text = open("/proc/self/smaps_rollup").read()
            print(text.partition("Private_Dirty:")[2].split()[0])
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(pid, 0)
    """
    copied_kb = run(script.format(settle="import gc; gc.freeze()"))
    settled_kb = run(script.format(settle="sharing.settle()"))
    print(f"reading 200,000 strings copies {copied_kb} kB, settled {settled_kb} kB")
    assert settled_kb < copied_kb / 4


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="another allocator")
def test_new_objects_lie_apart_from_old_ones():
    shared = run("""
        import json
        from supervisor.processes import sharing
        sizes = range(16, 470, 16)
        old = [bytes(size) for _ in range(2000) for size in sizes]
        del old[::3]  # gaps all over
        pages = {id(one) >> 12 for one in old}
        def beside_old():
            made = [bytes(size) for _ in range(20) for size in sizes]
            return len({id(one) >> 12 for one in made} & pages)
        before = beside_old()
        sharing.settle()
        print(json.dumps([before, beside_old()]))
    """)
    before, after = shared
    assert before > 100
    assert after == 0


@LINUX
def test_a_rehearsal_leaves_nothing_behind_and_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = run("""
        import asyncio, json, logging, os, signal, threading
        from pathlib import Path
        from supervisor.processes.rehearsal import rehearse
        asyncio.run(asyncio.sleep(0))
        logging.basicConfig()
        state = lambda: [len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")),
                         str(signal.getsignal(signal.SIGTERM)), signal.set_wakeup_fd(-1),
                         str(logging.getLogger().handlers), os.listdir(os.environ["TMPDIR"])]
        before = state()
        rehearse()
        print(json.dumps([before, state()]))
    """)
    before, after = found
    assert before == after
    assert list(tmp_path.iterdir()) == []
