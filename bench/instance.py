"""An instance of the whole system in a folder of its own, for the benchmarks that need one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

from bus.control.channel import ask
from bus.control.messages import ProcessStatus, StatusReply, StatusRequest
from bus.errors import StreamError
from supervisor.instance import runfile

#: Others may run on this machine.
_OWN_PORTS = "[paths]\nstate = 'state'\n[marketdata]\nport = 0\n[console]\nport = 0\n"
CLI = [sys.executable, "-P", "-m", "supervisor"]


class Instance:
    """`up` in the foreground, ended by `close` and by leaving the `with` block."""

    def __init__(self, config: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="openalgo-stream-bench-")
        self.folder = Path(self._folder.name)
        self.config = self.folder / "openalgo-stream.toml"
        self.config.write_text(_OWN_PORTS + config)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Once more, after `stop`."""
        self.began_unix = time.time()
        self._up = subprocess.Popen(
            [*CLI, "up", "--config", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """In order, and until it has ended."""
        if self._up.poll() is None:
            self._up.send_signal(signal.SIGTERM)
            self._up.wait(60)

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def run(self) -> runfile.RunFile:
        run = runfile.read(self.folder / "state" / "run.json")
        if run is None:
            raise RuntimeError("no supervisor yet")
        return run

    def status(self) -> list[ProcessStatus]:
        run = self.run
        reply = ask(run.commands, run.secret, StatusRequest())
        assert isinstance(reply, StatusReply)
        return reply.processes

    def process(self, name: str) -> ProcessStatus:
        return next(process for process in self.status() if process.name == name)

    def wait_until_running(self, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._up.poll() is not None:
                raise RuntimeError(self.log("supervisor"))
            try:
                if all(process.state == "running" for process in self.status()):
                    return
            except (RuntimeError, StreamError):
                pass
            time.sleep(0.05)
        raise RuntimeError(self.log("supervisor"))

    def key(self) -> str:
        done = subprocess.run(
            [*CLI, "keys", "create", "bench", "--json", "--config", str(self.config)],
            capture_output=True,
            check=True,
        )
        return str(json.loads(done.stdout)["api_key"])

    def log(self, name: str) -> str:
        return (self.folder / "state" / "logs" / f"{name}.log").read_text()

    def all_processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        supervisor = psutil.Process(self._up.pid)
        return [supervisor, *supervisor.children(recursive=True)]


def pss_bytes(process: psutil.Process) -> int:
    """Proportional set size: shared pages are divided among those who share them."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss line")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "python": sys.version.split()[0], "load": os.getloadavg()}
