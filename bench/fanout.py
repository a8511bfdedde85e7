"""How much the proxy delivers, and at what cost: bench/README.md says what the figures mean.

Real processes: a publisher on the bus, the proxy as the supervisor starts it, and client
processes that hold raw WebSocket connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from arena import Load, Result, arena, best
from contenders import Ours


async def benchmark(options: argparse.Namespace) -> list[Result]:
    load = Load(
        clients=options.clients,
        symbols=options.symbols,
        mode=options.mode,
        subset=options.subset,
        distinct=options.distinct,
        verify=options.verify,
        even=options.even,
        client_processes=options.client_processes,
        settle_s=options.settle,
    )
    async with arena(Ours(options.workers, options.profile, options.gather), load) as ready:
        if options.find_max:
            return await ready.find_max(options.rate, options.seconds, options.steps)
        result = await ready.run(options.rate, options.seconds)
        print(result.text(), flush=True)
        return [result]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--rate", type=float, default=6000, help="ticks/s on the bus")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--mode", choices=("LTP", "QUOTE", "DEPTH"), default="LTP")
    parser.add_argument("--workers", type=int, default=1, help="proxy processes on one port")
    parser.add_argument("--client-processes", type=int, default=2)
    parser.add_argument("--verify", action="store_true", help="check every message's sequence")
    parser.add_argument(
        "--distinct", action="store_true", help="no two clients hold the same subscriptions"
    )
    parser.add_argument(
        "--subset", type=int, default=0, help="so many symbols at random per client"
    )
    parser.add_argument("--gather", type=float, default=0.0, help="[proxy] gather_s")
    parser.add_argument("--even", action="store_true", help="no bursts from the publisher")
    parser.add_argument("--find-max", action="store_true", help="step --rate up to the maximum")
    parser.add_argument("--steps", type=int, default=10, help="runs at most with --find-max")
    parser.add_argument("--settle", type=float, default=1.5, help="quiet seconds before the runs")
    parser.add_argument("--json", type=Path, help="write the results there, too")
    parser.add_argument("--profile", default="", help="run the proxy under cProfile into this file")
    options = parser.parse_args()
    results = asyncio.run(benchmark(options))
    top = best(results)
    if top is None:
        print("no rate was sustained")
    else:
        print(f"sustained: {top.delivered_per_s:.0f} deliveries/s")
    if options.json:
        shown = {key: str(value) for key, value in vars(options).items()}
        report = {"options": shown, "runs": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


main()
