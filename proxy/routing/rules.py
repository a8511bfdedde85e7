"""Which adapters feed which instrument, in order of preference. Pure, and the one place that
decides it.

A key's own route comes first, then `[routing]`: the symbol, its patterns, its exchange, the
default. Where none of them says anything the first configured adapter feeds, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from bus.settings import AdapterEntry, RoutingSettings

#: The first feeds; each of the others when those before it cannot.
Route: TypeAlias = tuple[AdapterEntry, ...]
_NO_RULES: Final = RoutingSettings()


class Routing:
    """`adapters` are those that may feed; `preferred` is the route of one key."""

    def __init__(
        self,
        adapters: Sequence[AdapterEntry],
        settings: RoutingSettings = _NO_RULES,
        preferred: Sequence[str] = (),
    ) -> None:
        self.adapters = tuple(adapters)
        self._settings = settings
        self._preferred = tuple(preferred)
        self._default = self._named(preferred) or self._named(settings.default) or self.adapters[:1]

    def narrowed(self, adapters: Sequence[AdapterEntry], preferred: Sequence[str]) -> Routing:
        """The same rules for who has only these adapters, and perhaps a route of its own."""
        if len(adapters) == len(self.adapters) and not preferred:
            return self
        return Routing(adapters, self._settings, preferred)

    @property
    def default(self) -> AdapterEntry | None:
        """The adapter whose broker a client is told; None when none is configured."""
        return self._default[0] if self._default else None

    def route(self, exchange: str, symbol: str, broker: str = "") -> Route:
        """The adapters for an instrument in canonical spelling; empty: there is none.

        `broker` is the adapter or broker that a client asks for: it alone feeds, unless
        `pinned_fail_over` lets the others stand in. One that is not here changes nothing, as
        ever: OpenAlgo's proxy does not look at it.
        """
        usual = self._rule(exchange, symbol) or self._default
        if not broker:
            return usual
        word = broker.lower()
        pinned = [one for one in self.adapters if one.name == word]
        pinned = pinned or [one for one in self.adapters if one.broker.lower() == word]
        if not pinned:
            return usual
        if not self._settings.pinned_fail_over:
            return tuple(pinned[:1])
        return (pinned[0], *(one for one in usual if one is not pinned[0]))

    def choose(self, exchange: str, symbol: str) -> AdapterEntry | None:
        """The first adapter for an instrument."""
        return next(iter(self.route(exchange, symbol)), None)

    @property
    def brokers(self) -> list[str]:
        """Each broker once."""
        return list(dict.fromkeys(adapter.broker for adapter in self.adapters))

    def _rule(self, exchange: str, symbol: str) -> Route:
        if self._preferred:
            return ()
        rules, name = self._settings.symbols, f"{exchange}:{symbol}"
        fitting = [rules[name]] if name in rules else []
        fitting += [names for pattern, names in rules.items() if fnmatchcase(name, pattern)]
        fitting.append(self._settings.exchanges.get(exchange, []))
        return next((route for names in fitting if (route := self._named(names))), ())

    def _named(self, names: Iterable[str]) -> Route:
        by_name = {adapter.name: adapter for adapter in self.adapters}
        return tuple(by_name[name] for name in dict.fromkeys(names) if name in by_name)
