"""A worker of a group that shares a stream's ticks: start as many as there is work for.

    python examples/work_group.py nats://127.0.0.1:4222

Prints each tick that is this worker's. `--hold` never says that it is done, as a worker that
hangs; `--idle 5` ends when nothing came for five seconds.
"""

import argparse
import asyncio
import json

from bridge import Group


async def work(server: str, *, hold: bool, idle_s: float | None) -> None:
    async with Group("risk", servers=[server], subjects=["*.NSE.*.LTP"], ack_s=2.0) as group:
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    tick = await anext(group)
            except TimeoutError:
                return
            told = {"symbol": tick.symbol, "redelivered": tick.redelivered, **tick.data}
            print(json.dumps(told), flush=True)
            if not hold:
                await tick.done()


def main() -> None:
    parser = argparse.ArgumentParser(description="A worker of a group.")
    parser.add_argument("server", nargs="?", default="nats://127.0.0.1:4222")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--idle", type=float)
    options = parser.parse_args()
    asyncio.run(work(options.server, hold=options.hold, idle_s=options.idle))


if __name__ == "__main__":
    main()
