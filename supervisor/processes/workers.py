"""The proxy's processes: one, or several that share a port and the clients.

The kernel gives each new connection to one of them. They are named `proxy`, `proxy-2`, ...
"""

from __future__ import annotations

from functools import partial
from random import Random

import msgspec

from bus.settings import ProxyBootstrap
from supervisor.instance.paths import StatePaths
from supervisor.processes.managed import Managed


def names(workers: int) -> list[str]:
    return ["proxy", *(f"proxy-{number}" for number in range(2, workers + 1))]


def proxies(boot: ProxyBootstrap, paths: StatePaths, random: Random) -> list[Managed]:
    """One process per worker; what OpenAlgo's health page reads is the first one's to write."""
    named = names(boot.proxy.workers)
    processes: list[Managed] = []

    def settings_of(number: int) -> ProxyBootstrap:
        port = boot.proxy.port or next(filter(None, map(_port_of, processes)), 0)
        if number and not port:
            raise ChildProcessError(f"{named[0]} has no port yet")
        settings = msgspec.structs.replace(
            boot, proxy=msgspec.structs.replace(boot.proxy, port=port)
        )
        # There is one file for OpenAlgo's health page.
        return settings if number == 0 else msgspec.structs.replace(settings, stats_path="")

    for number, name in enumerate(named):
        settings = partial(settings_of, number)
        processes.append(Managed(name, "proxy", settings, paths.log(name), random))
    return processes


def _port_of(process: Managed) -> int:
    """The port that it has or had; a second life takes the same, as the others hold it."""
    return int(process.last_endpoint.rpartition(":")[2]) if process.last_endpoint else 0
