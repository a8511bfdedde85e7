"""An adapter's way onto the bus: its publisher, with a shared-memory lane where one is wanted."""

from __future__ import annotations

from collections.abc import Callable

from bus.control.exits import Exit
from bus.control.service import ExitError, Host
from bus.errors import LaneError
from bus.lane.writing import lane_for
from bus.publisher import Publisher
from bus.wants import Demand


def publisher_for(
    host: Host,
    lane_mib: int,
    on_demand: Callable[[list[Demand]], None],
    *,
    lossless: bool = False,
) -> Publisher:
    """Bind it.

    What must not be lost (`lossless`) takes no lane, whose memory is overwritten in time.

    Raises:
        ExitError: there is no such memory; a restart will not mend it.
    """
    try:
        lane = lane_for(host.secret, host.name, host.generation, 0 if lossless else lane_mib)
    except LaneError as error:
        raise ExitError(Exit.CONFIGURATION, str(error)) from None
    return Publisher(
        host.context,
        adapter=host.name,
        generation=host.generation,
        secret=host.secret,
        on_demand=on_demand,
        lossless=lossless,
        lane=lane,
    )
