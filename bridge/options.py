"""`[adapters.NAME.options]` of an adapter that reads a stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

from msgspec import field

from bus.settings import NatsReach

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NatsOptions(NatsReach, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which adapter of which stream, and whether what is live or what was."""

    #: The adapter over there.
    adapter: str
    #: Play what the stream holds from this moment on, and end at that one; India's time where
    #: none is given. With `from` alone it goes on live.
    from_: datetime | None = field(default=None, name="from")
    to: datetime | None = None
    #: The past as fast as the slowest consumer takes it, or at its own pace.
    pace: Literal["fast", "original"] = "fast"

    @property
    def is_live(self) -> bool:
        """Whether demand is carried over there."""
        return self.to is None

    @property
    def begins(self) -> datetime | None:
        """`from`, in UTC."""
        return None if self.from_ is None else _aware(self.from_).astimezone(UTC)

    @property
    def ends_ns(self) -> int | None:
        """`to`, in Unix ns."""
        if self.to is None:
            return None
        return (_aware(self.to) - _EPOCH) // timedelta(microseconds=1) * 1000


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=_INDIA)
