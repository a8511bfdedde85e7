"""What a reader makes of the messages of a stream: ticks and events of its own adapter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from nats.aio.msg import Msg

from adapters.source import Outflow
from bridge import stamps
from bridge.errors import SubjectError
from bridge.inlet import Count, Sequences
from bridge.options import NatsOptions
from bridge.position import Reached
from bridge.subjects import Place, Subjects
from bus.events import Event, decode_event
from bus.frames import NUMBERED, OWN_CLOCK

logger = logging.getLogger(__name__)

#: A consumer that is full is looked at again after this.
_FULL_S: Final = 0.002


class Arrivals:
    """Ticks go on under this adapter's name; `on_event` gets what the one over there told."""

    def __init__(
        self, out: Outflow, options: NatsOptions, on_event: Callable[[Event], None]
    ) -> None:
        self._out = out
        self._ends_ns = options.ends_ns
        self._until = options.to
        self._on_event = on_event
        self._subjects = Subjects(options.prefix)
        self._wheres: dict[str, Place | None] = {}
        self._wires: dict[str, bytes] = {}
        self.sequences = Sequences(Count.anew(out.clock))
        #: The stream's sequence of the last message that was dealt with; None: none was.
        self.position: int | None = None
        self.strange_total = 0
        self.ended = False

    @property
    def reached(self) -> Reached | None:
        """Where the next life goes on."""
        if self.position is None:
            return None
        return Reached(self.position, self.sequences.count)

    def go_on(self, place: Reached) -> None:
        """Where the life before was, before anything arrived here."""
        self.position = place.sequence
        self.sequences.go_on(place.count)

    async def take(self, message: Msg, sequence: int) -> None:
        """A message of the stream, and its sequence there."""
        where = self._where(message.subject)
        try:
            stamp = stamps.read(message.headers)
        except SubjectError:
            where = None
        if where is None:
            self.strange_total += 1
        elif self._ends_ns is not None and stamp.received_ns > self._ends_ns:
            self._end_of_the_past()
            return
        elif where.kind == "tick":
            await self._tick(message.subject, where, stamp, message.data)
        else:
            self.event(message.data)
        self.position = sequence

    def event(self, payload: bytes) -> None:
        """What the adapter over there told, by whatever way."""
        try:
            self._on_event(decode_event(payload))
        except msgspec.DecodeError:
            self.strange_total += 1

    def _where(self, subject: str) -> Place | None:
        """None: whoever else wrote that into the stream."""
        if subject not in self._wheres:
            try:
                self._wheres[subject] = self._subjects.parse(subject)
            except SubjectError as error:
                logger.warning("%s", error)
                self._wheres[subject] = None
        return self._wheres[subject]

    async def _tick(self, subject: str, where: Place, stamp: stamps.Stamps, payload: bytes) -> None:
        wire = self._wires.get(subject)
        if wire is None:
            wire = self._wires[subject] = where.topic(self._out.name).wire
        sequence = self.sequences.of(wire, stamp.generation, stamp.sequence)
        if sequence is None:
            return
        flags = stamp.flags & OWN_CLOCK | NUMBERED
        relay = (wire, payload, stamp.received_ns, flags, sequence)
        while not self._out.relay(*relay):  # noqa: ASYNC110 - ZeroMQ has no event for room
            await asyncio.sleep(_FULL_S)

    def _end_of_the_past(self) -> None:
        if not self.ended:
            self.ended = True
            logger.info("played until %s", self._until)
