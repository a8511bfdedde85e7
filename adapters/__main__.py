"""`python -m adapters`: one adapter process, started by the supervisor."""

from __future__ import annotations

from adapters import registry
from adapters.errors import UnknownBrokerError
from adapters.runner import AdapterService
from adapters.source import Source
from adapters.source_runner import SourceService
from bus.control.bootstrap import Bootstrap
from bus.control.exits import Exit
from bus.control.process import run
from bus.control.service import ExitError, Host, Service
from bus.settings import AdapterBootstrap


def _build(host: Host, boot: Bootstrap) -> Service:
    settings = boot.settings_as(AdapterBootstrap)
    try:
        found = registry.find_any(settings.adapter.broker or host.name)
    except UnknownBrokerError as error:
        raise ExitError(Exit.CONFIGURATION, str(error)) from None
    if isinstance(found, Source):
        return SourceService(host, settings, found)
    return AdapterService(host, settings, broker=found)


if __name__ == "__main__":
    run(_build)
