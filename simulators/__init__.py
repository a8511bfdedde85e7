"""Simulators that speak brokers' real wire protocols, for hours when markets are closed.

A market (`simulators.markets`) tells what happens; a broker (`simulators.brokers`) tells it in one
broker's bytes; the server (`simulators.server`) has the sockets, and
`simulators.opening` the market that was asked for.

    server = SimulatorServer(SimulatorSettings(broker="zerodha", seed=7))
    port = await server.start()
    ...
    await server.stop()
"""

from __future__ import annotations

from bus.settings import SimulatorSettings
from simulators.errors import (
    DataError,
    ListenError,
    SettingsError,
    SimulatorError,
    UnknownBrokerError,
)
from simulators.registry import SIMULATORS
from simulators.server import SimulatorServer

__all__ = [
    "SIMULATORS",
    "DataError",
    "ListenError",
    "SettingsError",
    "SimulatorError",
    "SimulatorServer",
    "SimulatorSettings",
    "UnknownBrokerError",
]
