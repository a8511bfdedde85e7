"""Which brokers there are simulators of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulators.angel import Angel
from simulators.dhan import Dhan
from simulators.errors import UnknownBrokerError
from simulators.fyers import Fyers
from simulators.nubra import Nubra
from simulators.upstox import Upstox
from simulators.zerodha import Zerodha

if TYPE_CHECKING:
    from simulators.broker import Broker

SIMULATORS: Final[dict[str, type[Broker]]] = {
    "angel": Angel,
    "dhan": Dhan,
    "dhan_sandbox": Dhan,
    "fyers": Fyers,
    "nubra": Nubra,
    "upstox": Upstox,
    "zerodha": Zerodha,
}


def simulator(broker: str) -> type[Broker]:
    """The class of a broker's simulator.

    Raises:
        UnknownBrokerError: there is none; the text lists those that there are.
    """
    try:
        return SIMULATORS[broker]
    except KeyError:
        known = ", ".join(sorted(SIMULATORS))
        raise UnknownBrokerError(f"no simulator for broker {broker!r}; known: {known}") from None
