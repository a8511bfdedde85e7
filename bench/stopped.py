"""What one client that stops reading costs the others, and the server's memory.

The same clients in turns: all well, and one stopped (SIGSTOP); medians of the others' p99.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
from pathlib import Path

from arena import Load, arena
from children import allow_many_files
from contenders import Contender, Ours

#: Short, so that a stopped client is not closed for it, and many.
_RUN_S = 2.0


async def one_stopped(
    contender: Contender, rate: float, pairs: int, others: int = 199
) -> dict[str, float]:
    """At so many ticks/s, each to every client. Latencies in ms, memory in bytes."""
    load = Load(clients=others)
    healthy, stopped, grown = [], [], []
    async with arena(contender, load) as ready:
        victim = await ready.connect([load.names()])
        assert await victim.hear() == "ready"
        for _ in range(pairs):
            healthy.append((await ready.run(rate, _RUN_S)).p99_ms)
            before = contender.rss_bytes()
            victim.process.send_signal(signal.SIGSTOP)
            # Kernel buffers are full, and whatever follows from that has begun.
            await ready.run(rate, _RUN_S)
            result = await ready.run(rate, _RUN_S)
            stopped.append(result.p99_ms)
            grown.append(contender.rss_bytes() - before)
            victim.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(2.0)
        await victim.end()
    return {
        "ticks_per_s": rate,
        "healthy_p99_ms": statistics.median(healthy),
        "stopped_p99_ms": statistics.median(stopped),
        "lost_in_the_last_run": float(result.lost),
        "most_grown_bytes": float(max(grown)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500, help="the stopped one among them")
    parser.add_argument("--rate", type=float, default=200, help="ticks/s to each")
    parser.add_argument("--pairs", type=int, default=8, help="turns")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    allow_many_files()
    told = asyncio.run(one_stopped(Ours(), options.rate, options.pairs, options.clients - 1))
    print(
        f"p99 of {options.clients - 1}: {told['healthy_p99_ms']:.1f} ms with all well, "
        f"{told['stopped_p99_ms']:.1f} ms with one stopped; "
        f"lost {told['lost_in_the_last_run']:.0f}; "
        f"memory grew by {told['most_grown_bytes'] / 2**20:.1f} MiB at most"
    )
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
