"""Counting what goes wrong in a feed, and logging the first of each kind.

A broker that sends the same odd frame a thousand times a second is one line in the log and a
number in the status.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from adapters.codec import WireFrame
from adapters.errors import BrokerError, CodecError
from adapters.redact import Redactor

logger = logging.getLogger(__name__)

#: Kinds may hold a broker's own codes, so they are bounded.
MAX_KINDS: Final = 100


@dataclass
class Counters:
    """What the sessions of one account have met, those that are gone included."""

    frames: int = 0
    reconnects: int = 0
    malformed: int = 0
    broker_errors: int = 0
    order_updates: int = 0


class Complaints:
    """One session's damaged frames and refusals."""

    def __init__(self, label: str, redactor: Redactor, counters: Counters) -> None:
        self._label = label
        self._redactor = redactor
        self._counters = counters
        self._kinds: set[str] = set()

    def note(self, error: CodecError, frame: WireFrame) -> None:
        if isinstance(error, BrokerError):
            self._counters.broker_errors += 1
        else:
            self._counters.malformed += 1
        if error.kind in self._kinds or len(self._kinds) >= MAX_KINDS:
            return
        self._kinds.add(error.kind)
        logger.warning(
            "%s: %s: %s; the frame began %s; later ones are only counted",
            self._label,
            error.kind,
            self._redactor.text(str(error)),
            self._redactor.frame(frame),
        )
