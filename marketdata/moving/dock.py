"""What changes hands between two generations: the parts of the service, and what they know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bus.clock import Clock
from bus.frames import Frame
from marketdata.api.server import Server
from marketdata.holds import Wanted
from marketdata.keeper import Keeper
from marketdata.market import Market
from marketdata.moving.messages import Lease, Needs, Position
from marketdata.paper import Paper

_LOOK_S: Final = 0.002
#: Frames in one message: some hundred kilobytes.
_FRAMES: Final = 500


@dataclass(frozen=True)
class Dock:
    """The same on both sides."""

    market: Market
    paper: Paper
    keeper: Keeper
    server: Server
    #: Whether everything that the directory tells of is heard.
    hears_all: Callable[[], bool]

    def values(self) -> Iterator[list[Frame]]:
        """All last values, oldest first, in pieces."""
        frames = self.market.values.frames()
        for at in range(0, len(frames), _FRAMES):
            yield frames[at : at + _FRAMES]

    def needs(self, now: float) -> Needs:
        holds = self.market.holds
        leases = [Lease(*wanted, until - now) for wanted, until in holds.leased()]
        return Needs(leases, sorted(self.paper.instruments), holds.refusals())

    def take_needs(self, needs: Needs, now: float) -> None:
        """Want the same, and keep what comes for the desk until it is open."""
        holds = self.market.holds
        for refusal in needs.refusals:
            holds.refused(refusal, now)
        for lease in needs.leases:
            wanted = Wanted(lease.adapter, lease.exchange, lease.symbol, lease.mode)
            holds.lease(wanted, now, lease.left_s)
        self.paper.keep(frozenset(needs.instruments))

    def positions(self) -> list[Position]:
        """Where the desk is in the streams of its instruments."""
        frames = self.paper.told()
        return [Position(frame.topic, frame.generation, frame.sequence) for frame in frames]


async def until(condition: Callable[[], bool], clock: Clock, timeout_s: float) -> bool:
    """Wait for what messages and the bus bring about; whether they did."""
    deadline = clock.monotonic() + timeout_s
    while not condition():
        if clock.monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_S)
    return True
