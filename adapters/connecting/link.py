"""The life of one broker connection as a state machine. Pure; time is passed in, seconds.

    connecting ---> connected ---> backoff ---> connected ...
         |              |             ^
         +--------------+-------------+---> needs_token, stopped: asked again, slowly

A state is left only for a better reason: while another attempt is under way the state stays
what the last failure made it, so that a broken feed is not announced as `connecting` again
and again. Nothing ends for good but by `stop`.
"""

from __future__ import annotations

import enum
from typing import Final

from adapters.errors import Verdict
from bus.backoff import Backoff

#: Seconds between attempts when only new credentials or a human can help.
PROBE_S: Final = 300.0
#: What a broker sends within this time of a new connection is a snapshot, and no trade.
SNAPSHOT_S: Final = 30.0
#: How far the patience with a feed without ticks grows.
MAX_PATIENCE: Final = 32.0


class State(enum.StrEnum):
    """The words of `bus.events.BrokerState`."""

    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    BACKOFF = enum.auto()
    NEEDS_TOKEN = enum.auto()
    STOPPED = enum.auto()


class Link:
    """When to connect, and when a connection that looks alive is dead."""

    def __init__(
        self,
        *,
        backoff: Backoff,
        now: float,
        silence_s: float | None,
        login_reply_s: float | None,
        stall_s: float | None = None,
    ) -> None:
        self.state = State.CONNECTING
        self.detail = ""
        self.connections_total = 0
        self._backoff = backoff
        self._silence_s = silence_s
        self._login_reply_s = login_reply_s
        self._stall_s = stall_s
        self._patience = 1.0
        self._attempt_at: float | None = now
        self._opened_at = now
        self._heard_at = now
        self._ticked_at = now

    @property
    def is_up(self) -> bool:
        """Whether the broker takes requests."""
        return self.state is State.CONNECTED

    def attempt_in_s(self, now: float) -> float | None:
        """Seconds until the next attempt; None: never, it was stopped."""
        return None if self._attempt_at is None else max(0.0, self._attempt_at - now)

    def opened(self, now: float) -> None:
        """The upgrade worked. Without a login that answers, that is all there is to it."""
        self._opened_at = self._heard_at = self._ticked_at = now
        if self._login_reply_s is None:
            self.logged_in(now)

    def logged_in(self, now: float) -> None:
        self.state = State.CONNECTED
        self.detail = ""
        self.connections_total += 1
        self._backoff.succeeded(now)

    def heard(self, now: float) -> None:
        """A frame came, of whatever kind."""
        self._heard_at = now

    def ticked(self, now: float) -> None:
        """Ticks came."""
        self._ticked_at = now
        if now - self._opened_at > SNAPSHOT_S:
            self._patience = 1.0

    def overdue(self, now: float, *, expects_ticks: bool = False) -> str | None:
        """Why an open connection is to be given up now, or None.

        `expects_ticks`: it has instruments whose market is open. Where nobody trades them a
        new connection brings no tick either, so each is given twice the time of the last.
        """
        if not self.is_up and self._login_reply_s is not None:
            waited = now - self._opened_at
            return f"login unanswered for {waited:.1f} s" if waited >= self._login_reply_s else None
        silence = now - self._heard_at
        if self._silence_s is not None and silence >= self._silence_s:
            return f"no frame for {silence:.1f} s"
        if not expects_ticks:
            self._ticked_at = now
        stall = now - self._ticked_at
        if self._stall_s is not None and stall >= self._stall_s * self._patience:
            self._patience = min(2.0 * self._patience, MAX_PATIENCE)
            return f"no tick for {stall:.1f} s while the market is open"
        return None

    def failed(self, now: float, verdict: Verdict, detail: str) -> None:
        """The attempt failed, or the connection ended."""
        if self._attempt_at is None:
            return
        delay_s = self._backoff.failed(now)
        match verdict:
            case Verdict.NEEDS_TOKEN:
                self.state, delay_s = State.NEEDS_TOKEN, PROBE_S
            case Verdict.FATAL:
                self.state, delay_s = State.STOPPED, PROBE_S
            case Verdict.SLOW_DOWN:
                self.state, delay_s = State.BACKOFF, self._backoff.cap_s
            case Verdict.RETRY | Verdict.GO_ON:
                self.state = State.BACKOFF
        self.detail = detail
        self._attempt_at = now + delay_s

    def renewed(self, now: float) -> None:
        """There are new credentials: connect with them at once."""
        if self._attempt_at is None:
            return
        self._backoff.reset()
        self._attempt_at = now
        if self.state is State.CONNECTED:
            self.state, self.detail = State.CONNECTING, "new credentials"

    def stop(self) -> None:
        """End for good."""
        self.state, self.detail, self._attempt_at = State.STOPPED, "", None
