"""What can be wrong with the sections about who may connect, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from bus.access import BUILT_IN_ROLES
from bus.settings import ProxySettings
from bus.topics import EXCHANGES
from supervisor.config.schema import Config

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def access(config: Config) -> Iterator[str]:
    yield from _reach(config.proxy)
    yield from _roles(config)
    yield from _origins(config.proxy.origins)
    for proxy in config.proxy.trusted_proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            yield f"proxy.trusted_proxies: {proxy!r} is no address or network"


def _reach(proxy: ProxySettings) -> Iterator[str]:
    if bool(proxy.tls_certificate) != bool(proxy.tls_key):
        missing = "tls_key" if proxy.tls_certificate else "tls_certificate"
        yield f"proxy.{missing}: a certificate needs its key and a key its certificate"
    if proxy.host in _LOOPBACK or proxy.tls_certificate or proxy.allow_insecure_remote:
        return
    yield (
        f"proxy.host: {proxy.host!r} is reachable from other machines, and without TLS so are keys "
        "and prices; give tls_certificate and tls_key, use 127.0.0.1 behind a TLS proxy, or "
        "write allow_insecure_remote = true"
    )


def _roles(config: Config) -> Iterator[str]:
    known = BUILT_IN_ROLES.keys() | config.roles.keys()
    for name, role in config.roles.items():
        for adapter in role.adapters:
            if adapter not in config.adapters:
                yield f"roles.{name}.adapters: no [adapters.{adapter}] in this file"
        for exchange in role.exchanges:
            if exchange not in EXCHANGES:
                yield f"roles.{name}.exchanges: {exchange!r} is none; known: {_listed(EXCHANGES)}"
    for section, role_name in (("openalgo", config.openalgo.role), ("jwt", config.jwt.role)):
        if role_name not in known:
            yield f"{section}.role: no [roles.{role_name}] in this file; known: {_listed(known)}"


def _origins(origins: Sequence[str]) -> Iterator[str]:
    for origin in origins:
        if origin in {"*", "null"}:
            continue
        parts = urlsplit(origin)
        if not parts.scheme or not parts.hostname or parts.path not in {"", "/"}:
            yield f"proxy.origins: {origin!r} is no origin; write it like https://trade.example.com"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
