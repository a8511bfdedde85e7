"""`python -m adapters`: one adapter process, started by the supervisor."""

from __future__ import annotations

from adapters.runner import AdapterService
from bus.process import Bootstrap, Host, run
from bus.settings import AdapterBootstrap


def _build(host: Host, boot: Bootstrap) -> AdapterService:
    return AdapterService(host, boot.settings_as(AdapterBootstrap))


if __name__ == "__main__":
    run(_build)
