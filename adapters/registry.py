"""Brokers and sources by name: those of the project, and those of installed packages.

A third party adds one with an entry point in the group `openalgo_stream.brokers` whose object
is a `Broker` or a `Source`. A module is imported only when it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from adapters.broker import Broker
from adapters.errors import UnknownBrokerError
from adapters.source import Source

ENTRY_POINTS: Final = "openalgo_stream.brokers"

#: Name -> module that holds a `BROKER`, a `Broker` or a `Source`. A source's module may lie in
#: another folder, beside what writes the medium that it reads; nothing here imports it.
_BUILT_IN: Final = {
    "angel": "adapters.brokers.angel.broker",
    "dhan": "adapters.brokers.dhan.broker",
    "dhan_sandbox": "adapters.brokers.dhan.sandbox",
    "fyers": "adapters.brokers.fyers.broker",
    "nats": "bridge.remote",
    "nubra": "adapters.brokers.nubra.broker",
    "replay": "recording.replay",
    "upstox": "adapters.brokers.upstox.broker",
    "zerodha": "adapters.brokers.zerodha.broker",
}


def known() -> list[str]:
    """The names of all brokers and sources, built in and installed, sorted."""
    return sorted({*_BUILT_IN, *_installed()})


def find(name: str) -> Broker:
    """The broker of a name.

    Raises:
        UnknownBrokerError: there is none, or it is a source.
    """
    entry = find_any(name)
    if isinstance(entry, Source):
        raise UnknownBrokerError(f"{name} has no wire protocol and no instruments of a broker")
    return entry


def find_any(name: str) -> Broker | Source:
    """The broker or source of a name; a built-in one cannot be replaced by an installed one.

    Raises:
        UnknownBrokerError: lists the known, and names the nearest.
    """
    module = _BUILT_IN.get(name)
    if module is not None:
        return _checked(name, importlib.import_module(module).BROKER)
    installed = _installed().get(name)
    if installed is not None:
        return _checked(name, installed.load())
    nearest = difflib.get_close_matches(name, known(), n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    raise UnknownBrokerError(f"unknown broker {name!r}{hint} known: {', '.join(known())}")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _checked(name: str, found: object) -> Broker | Source:
    if not isinstance(found, Broker | Source):
        raise UnknownBrokerError(
            f"broker {name!r}: its entry point gives a {type(found).__name__}, "
            "not a Broker or Source"
        )
    return found
