"""A strategy on the bus itself: it acts on each tick, and tells how old its ticks were.

    python examples/hot_strategy.py NSE:RELIANCE NSE:TCS --spin 0.01

Run it where the system runs, as the same user. With `[bus] shared_memory = true` and a time to
spin it reads the adapter's memory without sleeping; without, it waits on a socket.
"""

from __future__ import annotations

import argparse
import time
from statistics import quantiles

from bus import Subscriber


class Crossing:
    """Buys when the price rises over its slow average, sells when it falls below. An example."""

    def __init__(self, weight: float = 0.05) -> None:
        self._weight = weight
        self._average: dict[str, float] = {}
        self._above: dict[str, bool] = {}

    def on_price(self, symbol: str, price: float) -> str | None:
        average = self._average.get(symbol, price)
        self._average[symbol] = average + self._weight * (price - average)
        above, before = price > average, self._above.get(symbol)
        self._above[symbol] = above
        if before is None or above == before:
            return None
        return "BUY" if above else "SELL"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instruments", nargs="+", metavar="EXCHANGE:SYMBOL")
    parser.add_argument("--spin", type=float, default=0.0, metavar="S", help="seconds to spin")
    parser.add_argument("--ticks", type=int, default=1000, metavar="N", help="end after so many")
    parser.add_argument("--state", default="", help="the instance's state directory")
    options = parser.parse_args()
    strategy, ages_us = Crossing(), []
    with Subscriber(options.state, spin_s=options.spin) as ticks:
        ticks.subscribe(*options.instruments)
        for tick in ticks:
            ages_us.append((time.time_ns() - tick.received_ns) / 1000)
            signal = strategy.on_price(tick.symbol, tick.data["ltp"])
            if signal:
                print(f"{signal:4} {tick.symbol} at {tick.data['ltp']}")
            if len(ages_us) >= options.ticks:
                break
        cuts = quantiles(ages_us, n=100)
        print(f"{len(ages_us)} ticks, {ticks.lost_total} lost; since the adapter had them: "
              f"p50 {cuts[49]:.0f} us, p99 {cuts[98]:.0f} us")  # fmt: skip


if __name__ == "__main__":
    main()
