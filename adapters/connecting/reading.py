"""From the messages of one connection to what its session has to do.

The way of a tick: a batch of messages is decoded and handed on in the loop turn in which it
is taken, some hundred ticks at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from adapters.codec import Codec, Decoded, Event, Tick, WireFrame
from adapters.connecting.complaints import Complaints
from adapters.errors import CodecError

#: Ticks handed on at once: enough to share a call's cost, few enough to stay in the processor's
#: cache between decoding and publishing.
BATCH_TICKS: Final = 64


@dataclass(frozen=True)
class Sinks:
    """Who takes what was read, in the event loop."""

    #: Ticks, and when they arrived (Unix ns).
    on_ticks: Callable[[list[Tick], int], None]
    on_event: Callable[[Event], None]
    #: Damage, or a refusal of the broker's.
    on_error: Callable[[CodecError], None]


class Reader:
    """One connection's messages, decoded by its codec.

    What a message brings is handed on in the order ticks, events, error; its replies are kept
    for the sender.
    """

    def __init__(self, codec: Codec, complaints: Complaints, sinks: Sinks) -> None:
        self.replies: deque[WireFrame] = deque()
        self._read = codec.read
        self._complaints = complaints
        self._sinks = sinks

    def take(self, messages: Iterable[WireFrame], arrived_ns: int) -> bool:
        """Read a batch; whether there was any tick in it."""
        read, out, any_ticks = self._read, Decoded(), False
        for message in messages:
            error = None
            try:
                read(message, out)
            except CodecError as told:
                error = told
            else:
                if len(out.ticks) < BATCH_TICKS and not out.events:
                    continue
            any_ticks = any_ticks or bool(out.ticks)
            self._hand_on(out, arrived_ns)
            out = Decoded()
            if error is not None:
                self._complaints.note(error, message)
                self._sinks.on_error(error)
        self._hand_on(out, arrived_ns)
        return any_ticks or bool(out.ticks)

    def _hand_on(self, out: Decoded, arrived_ns: int) -> None:
        if out.ticks:
            self._sinks.on_ticks(out.ticks, arrived_ns)
        for event in out.events:
            self._sinks.on_event(event)
        self.replies.extend(out.replies)
