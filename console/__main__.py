"""The console's process, started by the supervisor."""

from __future__ import annotations

from bus.control.bootstrap import Bootstrap
from bus.control.process import run
from bus.control.service import Host
from bus.settings import ConsoleBootstrap
from console.service import ConsoleService


def _build(host: Host, boot: Bootstrap) -> ConsoleService:
    return ConsoleService(host, boot.settings_as(ConsoleBootstrap))


if __name__ == "__main__":
    run(_build)
