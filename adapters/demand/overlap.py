"""Whether a second process of an adapter may run beside the first for a while. Pure.

In a hand-over the new generation opens as many connections as the old one still holds. Where the
two together would be more than the account may have, the broker refuses one or ends another:
then the old one has to end first (`supervisor.replacing.restarting`).
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.broker import Broker
from adapters.demand.pool import Pool
from bus.settings import AdapterSettings


def may_overlap(broker: Broker, settings: AdapterSettings, pools: Mapping[str, Pool]) -> bool:
    """Whether there is room for as many connections again as `pools` hold now.

    With a standby each of the two has its half of them all (`adapters.demand.pools`), so both fit.
    """
    if not broker.may_overlap or settings.standby:
        return broker.may_overlap
    held = [(len(pool.loads), pool.connections) for pool in pools.values()]
    total = None if broker.connections is None else settings.connections or broker.connections
    return all(2 * used <= most for used, most in held) and (
        total is None or 2 * sum(used for used, _ in held) <= total
    )
