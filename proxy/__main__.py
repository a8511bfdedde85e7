"""The proxy's process, started by the supervisor."""

from __future__ import annotations

import contextlib
import sys

from bus.control.bootstrap import Bootstrap
from bus.control.process import run
from bus.control.service import Host
from bus.settings import ProxyBootstrap
from proxy.service import ProxyService


def _allow_many_files() -> None:
    """Each client is an open file, and many systems allow 1,024 of them unless asked."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on every system

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _build(host: Host, boot: Bootstrap) -> ProxyService:
    return ProxyService(host, boot.settings_as(ProxyBootstrap))


if __name__ == "__main__":
    _allow_many_files()
    run(_build)
