"""`up --demo`: a pretend broker on loopback, and the real adapter against it.

The demo runs the true path: Kite's wire protocol from a simulated market, decoded by the
same adapter that talks to Zerodha, over the bus, through the proxy.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bus.secret import Secret
from bus.settings import AdapterSettings, SimulatorSettings
from supervisor.config import Config

SIMULATOR: Final = "demo-market"
ADAPTER: Final = "zerodha"
KEY_NAME: Final = "demo"


def with_demo(config: Config) -> Config:
    """The configuration with the demo's simulator, and its adapter in place of any of that name."""
    adapter = AdapterSettings(
        broker="zerodha",
        url=f"simulator:{SIMULATOR}",
        instruments=f"simulator:{SIMULATOR}",
        # Any pair that is not empty opens the simulator; there is nothing to protect.
        credentials={"api_key": Secret("demo"), "access_token": Secret("demo")},
    )
    return msgspec.structs.replace(
        config,
        adapters={ADAPTER: adapter, **{k: v for k, v in config.adapters.items() if k != ADAPTER}},
        simulators={**config.simulators, SIMULATOR: SimulatorSettings(broker="zerodha")},
    )
