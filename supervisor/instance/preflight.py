"""What is refused before anything starts.

Brokers nobody knows, adapters without the credentials that their brokers want, a port that is
taken.
"""

from __future__ import annotations

import difflib
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Final

from bus.lane.memory import SUPPORTED
from bus.settings import AdapterSettings
from supervisor.config import Config

#: Who mostly has a port that is taken.
_USERS: Final = dict.fromkeys(("proxy", "tap"), "OpenAlgo's own proxy does")


def problems(
    config: Config,
    *,
    brokers: Collection[str],
    lacking: Callable[[AdapterSettings], Sequence[str]],
    check_port: bool,
) -> list[str]:
    """Each with its key and what to do; empty if all is well.

    `lacking` says what an adapter of a known broker cannot begin with, beginning with the key.
    """
    found: list[str] = []
    for name, adapter in config.adapters.items():
        if adapter.broker in brokers:
            found += [f"adapters.{name}.{text}" for text in lacking(adapter)]
        else:
            hint = _hint(adapter.broker, brokers)
            found.append(f"adapters.{name}.broker: no broker {adapter.broker!r}; {hint}")
        if adapter.shared_memory and not SUPPORTED:
            found.append(f"adapters.{name}.shared_memory: needs Linux; leave it out")
    if config.bus.shared_memory and not SUPPORTED:
        found.append("bus.shared_memory: needs Linux; leave it out")
    if not config.adapters:
        found.append("adapters: there is none; add an [adapters.NAME] table, or use --demo")
    if check_port:
        found += _busy("proxy", config.proxy.host, config.proxy.port)
        found += _busy("marketdata", config.marketdata.host, config.marketdata.port)
        if config.tap.enabled:
            found += _busy("tap", config.tap.host, config.tap.port)
        if config.console.enabled:
            found += _busy("console", config.console.host, config.console.port)
        if (metrics := config.metrics_apart) is not None:
            found += _busy("metrics", metrics.host, metrics.port or 0)
    return found


def _hint(broker: str, brokers: Collection[str]) -> str:
    close = difflib.get_close_matches(broker, brokers, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(brokers))}"


def _busy(section: str, host: str, port: int) -> list[str]:
    """A look ahead for a clear message; the process's own bind is what decides."""
    if port == 0:
        return []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return [
                (
                    f"{section}.port: {host}:{port} cannot be bound ({error.strerror}); end what "
                    f"uses it ({_USERS.get(section, 'another instance does')}), or set another "
                    f"[{section}] port"
                )
            ]
    return []
