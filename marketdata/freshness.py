"""How much the last value of an instrument is worth now, and the gate built on it. Pure.

A price is *live* as long as it is young and its feed stands, at whatever hour. Only then the
calendar is asked: silence while the exchange is closed is no fault. Each instrument is judged by
its own last tick, so that a busy one never hides a dead one.
"""

from __future__ import annotations

import enum

from msgspec import Struct

from bus.market.hours import Calendar
from marketdata.cache import Entry
from marketdata.feeds import Feed


class State(enum.StrEnum):
    LIVE = enum.auto()
    #: No tick for too long while the exchange trades.
    STALE = enum.auto()
    #: The adapter is not there, or not connected to its broker.
    FEED_DOWN = enum.auto()
    #: The broker refuses the credentials: `token set` is what helps.
    NEEDS_TOKEN = enum.auto()
    #: The exchange does not trade now.
    CLOSED = enum.auto()
    #: No tick yet.
    UNKNOWN = enum.auto()


class Freshness(Struct, frozen=True):
    """A state, the age of the last believed tick in seconds (None: there is none), and why the
    state is not LIVE, for people."""

    state: State
    age_s: float | None
    reason: str = ""


class Gate(Struct, frozen=True):
    """Whether trades may be managed on the last price: stops moved, exits sent."""

    safe: bool
    state: State
    age_s: float | None
    reason: str = ""


def of_instrument(
    entry: Entry | None,
    exchange: str,
    feed: Feed | None,
    *,
    now_ns: int,
    calendar: Calendar,
    stale_after_s: float,
) -> Freshness:
    """The state of one instrument at one feed; None: nobody has heard of such an entry, feed."""
    age_s = _age_s(entry.received_ns if entry is not None else 0, now_ns)
    if feed is None:
        return Freshness(State.FEED_DOWN, age_s, "no adapter feeds it")
    if _is_live(age_s, feed, stale_after_s):
        return Freshness(State.LIVE, age_s)
    if not feed.needs_token and not calendar.is_open(exchange, now_ns / 1e9):
        return Freshness(State.CLOSED, age_s, f"{exchange} does not trade now")
    return _silent(age_s, feed)


def of_feed(
    feed: Feed, *, exchanges: set[str], now_ns: int, calendar: Calendar, stale_after_s: float
) -> Freshness:
    """The state of a whole feed, of which these exchanges' instruments are known."""
    age_s = _age_s(feed.last_tick_ns, now_ns)
    if _is_live(age_s, feed, stale_after_s):
        return Freshness(State.LIVE, age_s)
    closed = exchanges and not calendar.is_any_open(exchanges, now_ns / 1e9)
    if closed and not feed.needs_token:
        return Freshness(State.CLOSED, age_s, "none of its exchanges trades now")
    return _silent(age_s, feed)


def _age_s(received_ns: int, now_ns: int) -> float | None:
    """Clocks may be set back: an age is never negative."""
    return max(0.0, (now_ns - received_ns) / 1e9) if received_ns else None


def _is_live(age_s: float | None, feed: Feed, stale_after_s: float) -> bool:
    return age_s is not None and age_s < stale_after_s and not feed.trouble


def _silent(age_s: float | None, feed: Feed) -> Freshness:
    """Why there is no young tick although there could be."""
    if feed.trouble:
        state = State.NEEDS_TOKEN if feed.needs_token else State.FEED_DOWN
        return Freshness(state, age_s, feed.trouble)
    if age_s is None:
        return Freshness(State.UNKNOWN, None, "no tick yet")
    return Freshness(State.STALE, age_s, f"no tick for {age_s:.0f} s")


def gate(freshness: Freshness, entry: Entry | None) -> Gate:
    """Safe only on a live price that nothing speaks against; nothing has to be reset after."""
    state, age_s = freshness.state, freshness.age_s
    if state is not State.LIVE:
        return Gate(False, state, age_s, freshness.reason)
    if entry is not None and entry.track.doubted:
        return Gate(
            False,
            state,
            age_s,
            f"a price of {entry.track.doubted:g} after {entry.track.price:g} waits for a second "
            "tick that confirms it",
        )
    return Gate(True, state, age_s)
