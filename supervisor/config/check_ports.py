"""What can be wrong with addresses that several things would have, and with sharing one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bus.settings import MetricsSettings
from supervisor.config.schema import Config

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def ports(config: Config) -> Iterator[str]:
    """After resolving: OpenAlgo's own file may have told an address."""
    if config.proxy.workers > 1 and sys.platform == "win32":
        yield "proxy.workers: Windows cannot share a port among processes; use 1"
    yield from _marketdata(config)
    if config.tap.enabled:
        yield from _tap(config)
    if config.console.enabled:
        yield from _console(config)
    if config.metrics_apart is not None:
        yield from _metrics(config, config.metrics_apart)


def _console(config: Config) -> Iterator[str]:
    console = config.console
    others = {
        "proxy": config.proxy.port,
        "market-data service": config.marketdata.port,
        **({"tap": config.tap.port} if config.tap.enabled else {}),
    }
    for name, port in others.items():
        if console.port and console.port == port:
            yield f"console.port: {port} is the {name}'s, too; give one of them another"
    if console.host not in _LOOPBACK and not console.allow_insecure_remote:
        yield (
            f"console.host: {console.host!r} is reachable from other machines, and without TLS so "
            "are keys; use 127.0.0.1 behind a TLS proxy with console.public_url, or write "
            "allow_insecure_remote = true"
        )
    if console.public_url:
        parts = urlsplit(console.public_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            yield (
                f"console.public_url: {console.public_url!r} is no site; write it like "
                "https://console.example.com"
            )


def _metrics(config: Config, metrics: MetricsSettings) -> Iterator[str]:
    others = {
        "proxy": config.proxy.port,
        "market-data service": config.marketdata.port,
        **({"console": config.console.port} if config.console.enabled else {}),
        **({"tap": config.tap.port} if config.tap.enabled else {}),
    }
    for name, port in others.items():
        if metrics.port and metrics.port == port:
            yield f"metrics.port: {port} is the {name}'s, too; give one of them another"
    if metrics.host not in _LOOPBACK and not metrics.token:
        yield (
            f"metrics.host: {metrics.host!r} is reachable from other machines; set metrics.token, "
            "which scrapers bring as bearer token, or use 127.0.0.1"
        )


def _marketdata(config: Config) -> Iterator[str]:
    host, port = config.marketdata.host, config.marketdata.port
    if host not in _LOOPBACK and not config.marketdata.allow_insecure_remote:
        yield (
            f"marketdata.host: {host!r} is reachable from other machines, and keys would travel "
            "in clear text; use 127.0.0.1 behind a TLS proxy, or write allow_insecure_remote = true"
        )
    if port and port == config.proxy.port:
        yield f"marketdata.port: {port} is the proxy's, too; give one of them another"


def _tap(config: Config) -> Iterator[str]:
    tap = config.tap
    if tap.host not in _LOOPBACK:
        yield (
            f"tap.host: {tap.host!r} is reachable from other machines, and the tap asks nobody "
            "who they are; use 127.0.0.1"
        )
    if not tap.port:
        return
    if tap.port == config.proxy.port:
        yield f"tap.port: {tap.port} is the proxy's, too; give one of them another"
    if config.openalgo.bus and _port(config.openalgo.bus) == tap.port:
        yield (
            f"tap.port: {tap.port} is where OpenAlgo's processes publish to (openalgo.bus), and "
            "one address cannot be both: set another tap.port and point the tap's readers at it, "
            'or write openalgo.bus = "off"'
        )


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint).port
    except ValueError:
        return None
