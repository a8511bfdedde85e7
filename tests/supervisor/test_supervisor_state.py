"""What lies in the state directory: run file, lock, log rotation, adoption."""

import errno
import os
import subprocess
import sys

import psutil
import pytest

from bus.control.messages import Hello
from bus.secret import Secret
from supervisor.instance import runfile
from supervisor.instance.adoption import Adoption
from supervisor.instance.lock import Lock, LockedError
from supervisor.instance.paths import StatePaths
from supervisor.instance.runfile import ProcessRecord, RunFile
from supervisor.processes import handles, logfiles


def record(process, name="zerodha", generation=3):
    return ProcessRecord(
        name=name,
        pid=process.pid,
        create_time=psutil.Process(process.pid).create_time(),
        generation=generation,
        restarts=1,
    )


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_run_file_is_read_as_it_was_written_and_is_its_owners(tmp_path):
    run = RunFile(pid=1, create_time=2.0, commands="tcp://a", control="tcp://b", secret=Secret("s"))
    runfile.write(tmp_path / "run.json", run)
    assert runfile.read(tmp_path / "run.json") == run
    assert (tmp_path / "run.json").stat().st_mode & 0o077 == 0


def test_a_missing_or_broken_run_file_is_none(tmp_path):
    assert runfile.read(tmp_path / "run.json") is None
    (tmp_path / "run.json").write_text("{")
    assert runfile.read(tmp_path / "run.json") is None


def test_a_process_is_known_by_pid_and_create_time(sleeper):
    one = record(sleeper)
    assert runfile.is_alive(one.pid, one.create_time)
    assert not runfile.is_alive(one.pid, one.create_time - 100)
    sleeper.kill()
    sleeper.wait()
    assert not runfile.is_alive(one.pid, one.create_time)


def test_a_lock_is_held_once_and_freed_by_release_or_death(tmp_path):
    path = tmp_path / "lock"
    lock = Lock(path)
    with pytest.raises(LockedError):
        Lock(path)
    lock.release()
    code = (
        "import sys, time; from pathlib import Path; from supervisor.instance.lock import Lock; "
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError):
            Lock(path)
        holder.kill()
    Lock(path).release()


def test_adoption_takes_only_the_very_process(sleeper):
    one = record(sleeper)
    adoption = Adoption([one])
    hello = Hello("zerodha", "adapter", one.pid, one.generation, "tcp://x", "0")
    for stranger in (
        Hello("zerodha", "adapter", one.pid + 1, one.generation, "tcp://x", "0"),
        Hello("zerodha", "adapter", one.pid, one.generation + 1, "tcp://x", "0"),
        Hello("angel", "adapter", one.pid, one.generation, "tcp://x", "0"),
    ):
        assert adoption.claim(stranger) is None
    assert adoption.claim(hello) == one
    assert adoption.claim(hello) is None
    assert adoption.waiting == []


def test_adoption_ends_what_says_nothing(sleeper):
    one = record(sleeper)
    adoption = Adoption([one])
    adoption.give_up()
    assert not runfile.is_alive(one.pid, one.create_time)
    assert adoption.waiting == []


def test_two_generations_of_one_name_are_told_apart(sleeper):
    old = record(sleeper)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with other:
        new = record(other, generation=4)
        adoption = Adoption([old, new])
        hello = Hello("zerodha", "adapter", new.pid, 4, "tcp://x", "0")
        assert adoption.claim(hello) == new
        assert adoption.waiting == [old]
        other.kill()


def test_a_log_that_has_grown_is_kept_once_and_its_writer_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(logfiles, "LIMIT_BYTES", 10)
    log = tmp_path / "a.log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"twelve bytes")
    logfiles.rotate(log)
    os.write(descriptor, b"more")
    os.close(descriptor)
    assert log.read_bytes() == b"more"
    assert (tmp_path / "a.log.1").read_bytes() == b"twelve bytes"
    logfiles.rotate(log)
    assert log.read_bytes() == b"more"
    logfiles.rotate(tmp_path / "none.log")


def test_a_full_disk_costs_the_older_log_and_nothing_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(logfiles, "LIMIT_BYTES", 10)
    monkeypatch.setattr(logfiles.shutil, "copyfile", full)
    log = tmp_path / "a.log"
    log.write_text("more than ten bytes")
    logfiles.rotate(log)
    assert log.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [log]


def test_the_last_lines_of_a_log_are_told_cut_to_size(tmp_path):
    log = tmp_path / "a.log"
    assert logfiles.last_lines(log, 2) == []
    log.write_text("one\ntwo\n\n" + "x" * 500 + "\n")
    assert logfiles.last_lines(log, 2) == ["two", "x" * 300]
    assert logfiles.last_line(log, 5) == "xxxxx"


def test_an_exit_is_explained_in_words():
    assert handles.explain_exit(78) == "exit code 78"
    assert handles.explain_exit(-9) == "ended by SIGKILL"
    assert handles.explain_exit(-250) == "ended by signal 250"


def test_the_state_directory_is_made_for_its_owner(tmp_path):
    paths = StatePaths(tmp_path / "a" / "b")
    paths.make()
    paths.make()
    assert paths.root.stat().st_mode & 0o077 == 0
    assert paths.log("zerodha") == tmp_path / "a" / "b" / "logs" / "zerodha.log"
