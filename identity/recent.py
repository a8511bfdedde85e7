"""A bounded memory of what was found out lately. Pure: the time is passed in."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by digest, for `ttl_s` seconds each and `limit` of them; the oldest goes first."""

    def __init__(self, limit: int, ttl_s: float) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._kept: dict[bytes, tuple[float, T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, digest: bytes, now: float) -> T | None:
        kept = self._kept.get(digest)
        if kept is None:
            return None
        if now - kept[0] >= self._ttl_s:
            del self._kept[digest]
            return None
        return kept[1]

    def put(self, digest: bytes, value: T, now: float) -> None:
        self._kept.pop(digest, None)
        while len(self._kept) >= self._limit:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = (now, value)

    def clear(self) -> None:
        self._kept.clear()
