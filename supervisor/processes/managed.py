"""One managed process: its lifecycle (decides), its handle (the process), what it reported."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from bus.control.bootstrap import Bootstrap
from bus.control.messages import Heartbeat, Hello, ProcessStatus, PublisherEntry, Stats
from bus.measuring.latency import Latency
from bus.secret import Secret, encode_secret
from bus.settings import MarketDataBootstrap, ProxyBootstrap, Role, TakeOver
from supervisor.consumers import CONSUMERS
from supervisor.instance.runfile import ProcessRecord
from supervisor.processes.births import Preload
from supervisor.processes.handles import Handle, explain_exit
from supervisor.processes.lifecycle import ALIVE, SERVING, Action, Lifecycle, Signal, State
from supervisor.processes.logfiles import last_lines
from supervisor.processes.memory import Ceiling
from supervisor.processes.spawning import Spawner

#: The package that runs as each role's process.
MODULES: Final[dict[Role, str]] = {
    "adapter": "adapters",
    "proxy": "proxy",
    "simulator": "simulators",
    **{consumer.role: consumer.module for consumer in CONSUMERS},
    "console": "console",
    "metrics": "console.metrics",
}

#: With fewer, rehearsing costs more time than it saves memory.
_MANY_ADAPTERS: Final = 4
#: Lines of its output in the status of a process that keeps failing.
_LINES_TOLD: Final = 5


class Managed:
    """A process of the configuration, in whatever life it is."""

    def __init__(
        self,
        name: str,
        role: Role,
        settings: Callable[[], object],
        log: Path,
        random: Random,
    ) -> None:
        self.name = name
        self.role = role
        self.broker = ""
        self.lifecycle = Lifecycle(random=random)
        self.handle: Handle | None = None
        #: What its log lines are known by, and ours about it.
        self.life = ""
        self.endpoint = ""
        #: Where one that is no adapter publishes events.
        self.publishes = ""
        #: Where it publishes in shared memory, too.
        self.lane = ""
        #: The last one it had, also while it is down.
        self.last_endpoint = ""
        self.stats: Stats = {}
        #: Bytes of resident memory beyond which it is replaced; None: it may grow.
        self.max_rss_bytes: int | None = None
        self.ceiling = Ceiling()
        self.latency: Latency | None = None
        #: Whether another one of this name stands by, ready to take over.
        self.keeps_standby = False
        #: For one that is to go on with what its older generation has open.
        self.takeover: TakeOver | None = None
        self._settings = settings
        self._log = log
        self._random = random

    @property
    def identity(self) -> bytes:
        """Its address on the control plane."""
        return f"{self.name}.{self.lifecycle.generation}".encode()

    @property
    def alive(self) -> bool:
        return self.lifecycle.state in ALIVE

    @property
    def about(self) -> dict[str, Any]:
        """For a log line that is about this life."""
        generation = self.lifecycle.generation
        return {"of": self.name, "of_generation": generation, "of_life": self.life}

    def twin(self) -> Managed:
        """The same process, to be started as the next generation beside this one."""
        twin = self.second()
        twin.last_endpoint, twin.ceiling = self.last_endpoint, self.ceiling
        twin.lifecycle.restarts = self.lifecycle.restarts + 1
        return twin

    def second(self) -> Managed:
        """The same process once more, to live beside this one with generations of its own."""
        second = Managed(self.name, self.role, self._settings, self._log, self._random)
        second.lifecycle.numbers = self.lifecycle.numbers
        second.reconfigure(self)
        return second

    def reconfigure(self, other: Managed) -> None:
        """Its next lives are told what `other` would be told."""
        self._settings = other._settings
        self.broker, self.max_rss_bytes = other.broker, other.max_rss_bytes
        self.keeps_standby = other.keeps_standby

    def spawn(self, spawner: Spawner, control: str, secret: Secret, orphan_grace_s: float) -> None:
        """Start the lifecycle's generation. Raises OSError: the system refuses."""
        boot = Bootstrap(
            name=self.name,
            role=self.role,
            generation=self.lifecycle.generation,
            control=control,
            secret=secret,
            orphan_grace_s=orphan_grace_s,
            settings=msgspec.Raw(msgspec.json.encode(self._told(), enc_hook=encode_secret)),
            life=secrets.token_hex(4),
        )
        self.life = boot.life
        self.endpoint, self.publishes, self.lane = "", "", ""
        self.stats, self.latency = {}, None
        self.handle = spawner.spawn(MODULES[self.role], boot, self._log)

    def _told(self) -> object:
        settings = self._settings()
        if self.takeover is not None and isinstance(settings, ProxyBootstrap | MarketDataBootstrap):
            return msgspec.structs.replace(settings, takeover=self.takeover)
        return settings

    def adopt(
        self, hello: Hello, handle: Handle, record: ProcessRecord, age_s: float, now: float
    ) -> None:
        self.lifecycle.adopt(
            now, generation=hello.generation, restarts=record.restarts, age_s=age_s
        )
        self.handle, self.life = handle, record.life
        self._found(hello)

    def hello(self, hello: Hello, now: float) -> None:
        self._found(hello)
        self.lifecycle.hello(now)

    def _found(self, hello: Hello) -> None:
        """Where it is."""
        self.endpoint = self.last_endpoint = hello.endpoint
        self.publishes, self.lane = hello.publishes, hello.lane

    def heartbeat(self, beat: Heartbeat, now: float) -> None:
        self.stats, self.latency = beat.stats, beat.latency
        self.lifecycle.heartbeat(now, ready=beat.ready)

    def signal(self, action: Signal) -> None:
        """Carry out a lifecycle's signal on the process, if it still lives."""
        if self.handle is None or self.handle.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            match action:
                case Signal.STOP:
                    self.handle.terminate()
                case Signal.ABORT:
                    self.handle.abort()
                case Signal.KILL:
                    self.handle.kill()

    def reap(self, now: float) -> tuple[int, list[Action]] | None:
        """If the process is gone: its exit code and what follows from it."""
        if self.handle is None or (code := self.handle.poll()) is None:
            return None
        self.handle, self.endpoint, self.publishes = None, "", ""
        why = ended = explain_exit(code)
        said: list[str] = []
        if code != 0 and self.lifecycle.state is not State.STOPPING:
            said = last_lines(self._log, _LINES_TOLD)
            why = f"{ended}: {said[-1]}" if said else ended
        actions = self.lifecycle.exited(now, code, why)
        if said and self.lifecycle.state is State.CRASH_LOOP:  # the whole story, for `status`
            self.lifecycle.detail = f"{ended}: {' | '.join(said)}"
        return code, actions

    def publisher(self) -> PublisherEntry | None:
        """Its line in the directory, while its endpoint can be used."""
        ticks = self.role == "adapter"
        endpoint = self.endpoint if ticks else self.publishes
        if self.lifecycle.state not in SERVING or not endpoint:
            return None
        generation = self.lifecycle.generation
        return PublisherEntry(self.name, generation, endpoint, self.broker, ticks, lane=self.lane)

    def record(self) -> ProcessRecord | None:
        """What a later supervisor needs to know of it; None while there is no process."""
        if self.handle is None:
            return None
        return ProcessRecord(
            name=self.name,
            pid=self.handle.pid,
            create_time=self.handle.create_time,
            generation=self.lifecycle.generation,
            restarts=self.lifecycle.restarts,
            life=self.life,
            endpoint=self.last_endpoint,
        )

    def status(self, now: float) -> ProcessStatus:
        life, handle = self.lifecycle, self.handle
        usage = handle.usage() if handle is not None else None
        return ProcessStatus(
            name=self.name,
            role=self.role,
            state=life.state.value,
            pid=handle.pid if handle is not None else None,
            generation=life.generation,
            life=self.life,
            restarts=life.restarts,
            uptime_s=_age(now, life.started_at),
            endpoint=self.endpoint,
            cpu_percent=usage[0] if usage else None,
            rss_bytes=usage[1] if usage else None,
            heartbeat_age_s=_age(now, life.heartbeat_at),
            detail=life.detail,
            stats=self.stats,
            latency=self.latency,
        )


def preload_for(processes: Iterable[Managed]) -> Preload:
    """What their lives will import."""
    listed = list(processes)
    modules = {MODULES[process.role]: None for process in listed}
    adapters = [process for process in listed if process.role == "adapter"]
    brokers = {process.broker: None for process in adapters}
    return Preload(list(modules), list(brokers), rehearse=len(adapters) >= _MANY_ADAPTERS)


def _age(now: float, since: float | None) -> float | None:
    return None if since is None else round(now - since, 3)
