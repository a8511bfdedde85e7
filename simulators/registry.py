"""Which brokers there are simulators of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulators.brokers.angel.broker import Angel
from simulators.brokers.dhan.broker import Dhan
from simulators.brokers.fyers.broker import Fyers
from simulators.brokers.nubra.broker import Nubra
from simulators.brokers.upstox.broker import Upstox
from simulators.brokers.zerodha.broker import Zerodha
from simulators.errors import UnknownBrokerError

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
