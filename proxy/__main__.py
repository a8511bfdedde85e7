"""The proxy's process, started by the supervisor."""

from __future__ import annotations

from bus.process import Bootstrap, Host, run
from bus.settings import ProxyBootstrap
from proxy.service import ProxyService


def _build(host: Host, boot: Bootstrap) -> ProxyService:
    return ProxyService(host, boot.settings_as(ProxyBootstrap))


if __name__ == "__main__":
    run(_build)
