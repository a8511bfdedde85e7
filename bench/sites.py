"""Over NATS and back: what the bridge writes, what an adapter reads, and how late ticks are.

Three parts, each beside something to compare it with in the same run:
writing and reading a stream beside nats-py's own publish and subscribe without a stream;
ticks at a client of the bus over there beside those at one here; two proxies behind nginx
beside one without (left out where there is no nginx).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from instance import free_port

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from nats_servers import NatsServer  # noqa: E402 - found through the line above
from sites_balanced import balanced  # noqa: E402
from sites_stream import streams  # noqa: E402
from sites_through import through  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2000, 5000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--only", choices=["stream", "through", "balanced"])
    options = parser.parse_args()
    parts = [options.only] if options.only else ["stream", "through", "balanced"]
    with tempfile.TemporaryDirectory(prefix="openalgo-stream-bench-") as folder:
        root = Path(folder)
        if "stream" in parts:
            asyncio.run(streams(root, options.messages))
        if "through" in parts:
            with server(root / "through") as url:
                for rate in options.rates:
                    through(url, rate, options.seconds)
        if "balanced" in parts:
            with server(root / "balanced") as url:
                balanced(root, url, options.clients, options.seconds)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    one = NatsServer(folder, "nats", free_port()).start()
    try:
        yield one.url
    finally:
        one.kill()


if __name__ == "__main__":
    main()
