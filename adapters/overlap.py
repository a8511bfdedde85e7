"""Whether a second process of an adapter may run beside the first for a while. Pure.

In a hand-over the new generation opens as many connections as the old one still holds. Where the
two together would be more than the account may have, the broker refuses one or ends another:
then the old one has to end first (`supervisor.restarting`).
"""

from __future__ import annotations

from collections.abc import Iterable

from adapters.broker import Broker
from adapters.pool import Pool


def may_overlap(broker: Broker, pools: Iterable[Pool], total: int | None) -> bool:
    """Whether a twin finds room.

    Args:
        pools: each stream's, with the connections that are open.
        total: connections of all streams together, where they are counted so.
    """
    held = [(len(pool.loads), pool.connections) for pool in pools]
    return (
        broker.may_overlap
        and all(2 * used <= limit for used, limit in held)
        and (total is None or 2 * sum(used for used, _ in held) <= total)
    )
