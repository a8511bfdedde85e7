"""What a handshake's headers say about where it comes from. Pure and total.

A browser tells which page asks (`Origin`), and a page of somebody else's must not use the
user's loopback. A name that somebody else's DNS points at loopback arrives in `Host`. Native
clients send no Origin, and an address or a loopback name as Host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK_NAMES = frozenset({"localhost", "localhost."})


class Origins:
    """Which `Origin` and `Host` are welcome besides loopback's.

    `origins` are `SCHEME://HOST[:PORT]`, or `null` (pages opened from files), or `*`; the hosts
    that they name are welcome as Host too. `hosts` are names without port.
    """

    def __init__(self, origins: Iterable[str], hosts: Iterable[str]) -> None:
        self._origins = frozenset(origin.strip().rstrip("/").lower() for origin in origins)
        named = (_host_of(origin) for origin in self._origins)
        self._hosts = frozenset(host.lower() for host in hosts) | {h for h in named if h}

    def allows_origin(self, origin: str | None) -> bool:
        if origin is None or "*" in self._origins:
            return True
        if origin.lower() in self._origins:
            return True
        host = _host_of(origin)
        return host is not None and _is_loopback(host)

    def allows_host(self, host: str | None) -> bool:
        """An address cannot be rebound; a name can, so it must be known. HTTP/1.0 sends none."""
        if host is None or "*" in self._hosts:
            return True
        name = _host_of(f"//{host}")
        if name is None:
            return False
        return _is_loopback(name) or _address(name) is not None or name in self._hosts


class Proxies:
    """Whose word counts about where a request comes from (`X-Forwarded-For`)."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = [network(one) for one in trusted]

    def source(self, peer: str, forwarded: Iterable[str]) -> str:
        """The nearest address that is no trusted proxy's; `forwarded` are the header's values."""
        if not self._trusts(peer):
            return peer
        hops = [hop.strip() for value in forwarded for hop in value.split(",")]
        for hop in reversed(hops):
            if _address(hop) is None:
                return peer
            if not self._trusts(hop):
                return hop
        return hops[0] if hops else peer

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in one for one in self._networks)


def network(text: str) -> _Network:
    """Raises ValueError: neither an address nor a network."""
    return ipaddress.ip_network(text, strict=False)


def address_key(text: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 /64, which one customer has."""
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text if address is None else str(address)


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host in _LOOPBACK_NAMES or host.endswith(".localhost")
