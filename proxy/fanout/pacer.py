"""Watches one client's buffer, and puts the client into conflation and out of it again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Final

from bus.clock import Clock
from bus.frames import Frame
from bus.settings import ProxySettings
from proxy.fanout.conflation import ROUND_S, Conflation, Lag, Step
from proxy.fanout.envelope import Envelope
from proxy.fanout.lane import Member
from proxy.fanout.lanes import Lanes
from proxy.fanout.outlet import Outlet
from proxy.totals import Totals

#: Bytes that the kernel takes of a client before it has sent any of them. Without a limit it
#: takes megabytes, and a client on a slow line gets what is minutes old.
_UNSENT_BYTES: Final = 128 << 10


class Pacer:
    """Made inside a running event loop; `on_stalled` is called when nothing moves any more."""

    def __init__(
        self,
        settings: ProxySettings,
        lanes: Lanes,
        totals: Totals,
        clock: Clock,
        *,
        outlet: Outlet,
        member: Member,
        on_stalled: Callable[[], None],
    ) -> None:
        self.conflated = 0
        self._settings = settings
        self._lanes = lanes
        self._totals = totals
        self._clock = clock
        self._outlet = outlet
        self._member = member
        self._on_stalled = on_stalled
        self._loop = asyncio.get_running_loop()
        self._lag = Lag(clock.monotonic())
        self._conflation: Conflation | None = None
        self._timer: asyncio.Handle | None = None
        self._ended = False

    @property
    def conflating(self) -> bool:
        return self._conflation is not None

    def behind(self) -> None:
        """Too much waits. Comes in the middle of a batch: lanes change only after it."""
        if self._timer is None and not self._ended:
            self._timer = self._loop.call_soon(self._begin)

    def resume(self, given: Mapping[Envelope, Frame | None], conflated: int) -> None:
        """Go on with a client that another process was conflating."""
        self.conflated = conflated
        self._begin(given)

    def look(self, now: float) -> None:
        """Now and then: whether what waits is too old. Costs next to nothing."""
        outlet = self._outlet
        lag_s = self._lag.seconds(now, outlet.written, outlet.waiting)
        if lag_s > self._settings.conflate_after_s:
            self.behind()

    def end(self) -> None:
        """The client is gone."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, given: Mapping[Envelope, Frame | None] | None = None) -> None:
        settings = self._settings
        self._conflation = Conflation(
            self._lanes,
            self._member,
            self._outlet,
            now=self._clock.monotonic(),
            # What is given at once must not be what makes the client slow.
            budget=settings.conflate_above_bytes // 2,
            stall_timeout_s=settings.stall_timeout_s,
            given=given,
        )
        self._timer = self._loop.call_later(ROUND_S, self._round)

    def _round(self) -> None:
        conflation = self._conflation
        if conflation is None or self._ended:
            return
        before = conflation.conflated
        step = conflation.round(self._clock.monotonic(), self._outlet.waiting)
        self.conflated += conflation.conflated - before
        self._totals.conflated += conflation.conflated - before
        match step:
            case Step.AGAIN:
                self._timer = self._loop.call_later(ROUND_S, self._round)
            case Step.RECOVERED:
                self._conflation = self._timer = None
            case Step.STALLED:
                self._on_stalled()


def limit_unsent(transport: asyncio.WriteTransport) -> None:
    """Keep the kernel from taking what it cannot send, where it can be told so."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    sock = transport.get_extra_info("socket")
    if option is not None and sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
        sock.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)
