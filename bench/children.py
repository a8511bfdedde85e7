"""Helper processes of the benchmarks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
START_S = 20.0


class Child:
    """A process that talks in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.usage = psutil.Process(process.pid)

    @classmethod
    async def start(cls, *command: str, first_line: bytes = b"") -> Child:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 28,
        )
        child = cls(process)
        if first_line:
            child.say(first_line)
        return child

    @classmethod
    async def script(cls, name: str, settings: dict[str, object]) -> Child:
        """A Python file of this folder, with its settings as the first line."""
        return await cls.start(
            sys.executable, str(HERE / name), first_line=json.dumps(settings).encode()
        )

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.rstrip(b"\n") + b"\n")

    async def hear(self, seconds: float = START_S) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            line = await self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a process of the benchmark ended: {self.usage}")
        return line.decode().strip()

    def cpu_s(self) -> float:
        times = self.usage.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        return int(self.usage.memory_info().rss)

    async def end(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()


def allow_many_files() -> None:
    """As many as the system allows; children have that too."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
