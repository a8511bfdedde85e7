"""In which order processes start and stop.

Simulators, adapters and the other consumers first, the proxy after them, and last what only
looks on; stopped in reverse, so that clients are told before their feeds end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from bus.clock import Clock
from bus.settings import Role
from supervisor.consumers import CONSUMERS
from supervisor.fleet import Fleet
from supervisor.processes.lifecycle import Action
from supervisor.processes.managed import Managed

START_ORDER: Final[tuple[Role, ...]] = (
    *("simulator", "adapter"),
    *(consumer.role for consumer in CONSUMERS),
    *("proxy", "metrics", "console"),
)
_START_S: Final = 20.0
#: Longer than a lifecycle takes from asking to killing.
STOP_S: Final = 20.0


class Hands(Protocol):
    """What carries out a lifecycle's actions, and waits."""

    def act(self, process: Managed, actions: list[Action]) -> None: ...
    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool: ...


async def start(processes: list[Managed], hands: Hands, clock: Clock) -> None:
    """Start what does not live. A simulator's port must be known before an adapter is pointed
    at it."""
    for role in START_ORDER:
        group = [p for p in processes if p.role == role and not p.alive]
        # Proxies share the port that the first of them got.
        first, others = (group[:1], group[1:]) if role == "proxy" else (group, [])
        for process in first:
            hands.act(process, process.lifecycle.start(clock.monotonic()))
        if role == "simulator" or others:
            await hands.until(_all_have_endpoints(first), _START_S)
        for process in others:
            hands.act(process, process.lifecycle.start(clock.monotonic()))


async def stop_all(fleet: Fleet, hands: Hands, clock: Clock) -> None:
    for role in reversed(START_ORDER):
        group = fleet.of(role)
        for process in group:
            hands.act(process, process.lifecycle.stop(clock.monotonic()))
        await hands.until(none_alive(group), STOP_S)


def none_alive(group: list[Managed]) -> Callable[[], bool]:
    return lambda: not any(process.alive for process in group)


def _all_have_endpoints(group: list[Managed]) -> Callable[[], bool]:
    return lambda: all(process.endpoint for process in group)
