"""The supervisor's end of the control plane: what processes say, and who publishes where."""

from __future__ import annotations

import logging
from typing import Final, Protocol

import zmq

from bus.clock import Clock
from bus.control.channel import ControlServer
from bus.control.messages import (
    Acknowledge,
    Clients,
    Directory,
    Follow,
    FromProcess,
    Heartbeat,
    Hello,
    Identify,
    PublisherEntry,
    Stop,
    ToProcess,
)
from bus.secret import Secret
from bus.settings import Role
from bus.sockets import LOOPBACK_ANY_PORT
from supervisor.fleet import Fleet
from supervisor.instance.adoption import Adoption
from supervisor.ledger import DELIVERY, PUBLISH
from supervisor.processes.handles import Observed
from supervisor.processes.managed import Managed

logger = logging.getLogger(__name__)

_UNWANTED: Final = Stop("not part of this configuration")


class Listener(Protocol):
    """What the supervisor does about what was heard."""

    def save(self) -> None:
        """What a later supervisor must know has changed."""
        ...

    def wake(self) -> None:
        """Look at what is due now."""
        ...

    def heard_clients(self, message: Clients) -> None: ...


class Hearing:
    """Hears processes, adopts those of an earlier supervisor, keeps the directory told."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        fleet: Fleet,
        adoption: Adoption,
        listener: Listener,
        *,
        secret: Secret,
        endpoint: str | None,
        clock: Clock,
    ) -> None:
        self._fleet = fleet
        self._adoption = adoption
        self._listener = listener
        self._clock = clock
        self._directory: list[PublisherEntry] = []
        #: Programs of the user's own that want it, too.
        self._followers: set[bytes] = set()
        self._server = ControlServer(
            context,
            secret=secret,
            on_message=self._on_message,
            endpoint=endpoint or LOOPBACK_ANY_PORT,
        )
        self.endpoint = self._server.endpoint

    @property
    def refused_total(self) -> int:
        """Messages without a valid seal, or that are none that is known."""
        return self._server.malformed_total

    def close(self) -> None:
        self._server.close()

    def tell(self, process: Managed, message: ToProcess) -> bool:
        """Whether the process was there to be told."""
        return process.alive and self._server.send(process.identity, message)

    def publish_directory(self) -> None:
        """Tell everybody who publishes where, if that changed, and once all are adopted."""
        if self._adoption.waiting:
            return
        entries = self._fleet.directory()
        if entries == self._directory:
            return
        self._directory = entries
        for process in self._fleet.all:
            self.tell(process, Directory(entries))
        self._followers = {
            follower
            for follower in self._followers
            if self._server.send(follower, Directory(entries))
        }

    def _tell_directory(self, identity: bytes) -> None:
        """Not before all are adopted: who is not listed is left by its consumers."""
        if not self._adoption.waiting:
            self._server.send(identity, Directory(self._directory))

    def _on_message(self, identity: bytes, message: FromProcess) -> None:
        if isinstance(message, Follow):
            self._followers.add(identity)
            self._server.send(identity, Directory(self._directory))
            return
        now = self._clock.monotonic()
        process = self._fleet.find(message.name, message.generation)
        if process is None:
            self._on_stranger(identity, message, now)
            return
        match message:
            case Hello():
                process.hello(message, now)
                generation, about = message.generation, process.about
                logger.info("%s is up, generation %d", message.name, generation, extra=about)
                self._listener.save()
                self._tell_directory(identity)
            case Heartbeat():
                before = process.lifecycle.state
                process.heartbeat(message, now)
                self._enter(message, process.role)
                self._server.send(identity, Acknowledge())
                if process.lifecycle.state is not before:
                    state = process.lifecycle.state
                    logger.info("%s is %s", process.name, state, extra=process.about)
            case Clients():
                self._listener.heard_clients(message)
        self.publish_directory()
        self._listener.wake()

    def _enter(self, beat: Heartbeat, role: Role) -> None:
        """What it counted goes into the ledger."""
        whole = PUBLISH if role == "adapter" else DELIVERY
        latency = beat.legs if beat.latency is None else {**beat.legs, whole: beat.latency}
        self._fleet.ledger.hear(beat.name, beat.generation, beat.stats, latency)

    def _on_stranger(self, identity: bytes, message: FromProcess, now: float) -> None:
        """A process of an earlier supervisor: adopt it, or end it if nobody wants it."""
        if not isinstance(message, Hello):
            self._server.send(identity, Identify())
            return
        record = self._adoption.claim(message)
        process = self._fleet.place_of(record) if record is not None else None
        if process is not None and not process.alive and record is not None:
            age_s = max(0.0, self._clock.unix_ns() / 1e9 - record.create_time)
            handle = Observed(message.pid)
            handle.watch(self._listener.wake)
            process.adopt(message, handle, record, age_s, now)
            logger.info("adopted %s, pid %d", message.name, message.pid, extra=process.about)
            self._listener.save()
            self.publish_directory()
            self._tell_directory(identity)
        else:
            self._server.send(identity, _UNWANTED)
        self._listener.wake()
