"""The next generation of a proxy, in the test's own process."""

import msgspec

from bus.clock import SystemClock
from bus.control.messages import HandOver
from bus.control.service import Host
from bus.settings import ProxyBootstrap, TakeOver
from proxy.service import ProxyService


class Successor:
    """Beside the proxy of a bench (tests/proxy/conftest.py), on the same bus."""

    def __init__(self, bench, folder, **settings):
        self.bench = bench
        self.path = str(folder / "next")
        old = bench.service
        self.failures = []
        host = Host(
            "proxy",
            2,
            old._host.secret,
            old._host.context,
            SystemClock(),
            changed=lambda: None,
            fail=self.failures.append,
        )
        boot = ProxyBootstrap(
            proxy=msgspec.structs.replace(old._desk.settings, **settings),
            adapters=list(old._desk.routing.adapters),
            keys_path=str(folder / "keys.sqlite3"),
            access=old._identities._access,
            takeover=TakeOver(self.path, bench.address),
        )
        self.service = ProxyService(host, boot)

    async def start(self):
        await self.service.start()
        self.service.follow([self.bench.adapter.entry])
        return self

    async def take_over(self):
        self.begin()
        await self.bench.until(self.bench.service._departing.done, 20)
        return self.old_stats()

    def begin(self):
        self.bench.service.hand_over(HandOver(self.path, 2))

    def old_stats(self):
        return self.bench.service._departure.stats()
