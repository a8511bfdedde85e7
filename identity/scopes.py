"""What an identity may do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec import Struct

from bus.access import BUILT_IN_ROLES, ModeName, RoleSettings
from bus.topics import Mode

T = TypeVar("T")


class Narrowing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits set on top of a role, by a token's issuer; what is left out stays as it is."""

    adapters: list[str] | None = None
    exchanges: list[str] | None = None
    modes: list[ModeName] | None = None
    symbols: int | None = None
    connections: int | None = None
    orders: bool = True
    admin: bool = True


class Scopes(Struct, frozen=True, kw_only=True):
    """Rights and quotas; a set that is None means all of them."""

    adapters: frozenset[str] | None = None
    exchanges: frozenset[str] | None = None
    modes: frozenset[Mode] | None = None
    #: Subscriptions per connection, connections per credential.
    symbols: int
    connections: int
    orders: bool
    admin: bool

    def refusal(self, exchange: str, mode: Mode) -> str:
        """Why an instrument may not be had in that mode; empty when it may."""
        if self.exchanges is not None and exchange not in self.exchanges:
            return f"This key may not have {exchange}"
        if self.modes is not None and mode not in self.modes:
            return f"This key may not have {mode.name}"
        return ""

    def narrowed(self, by: Narrowing) -> Scopes:
        """These scopes and no more than `by` allows."""
        return Scopes(
            adapters=_both(self.adapters, by.adapters),
            exchanges=_both(self.exchanges, by.exchanges),
            modes=_both(self.modes, None if by.modes is None else [Mode[m] for m in by.modes]),
            symbols=_least(self.symbols, by.symbols),
            connections=_least(self.connections, by.connections),
            orders=self.orders and by.orders,
            admin=self.admin and by.admin,
        )


def _both(ours: frozenset[T] | None, theirs: Iterable[T] | None) -> frozenset[T] | None:
    if theirs is None:
        return ours
    return frozenset(theirs) if ours is None else ours.intersection(theirs)


def _least(ours: int, theirs: int | None) -> int:
    return ours if theirs is None else max(0, min(ours, theirs))


class Roles:
    """The roles in force: the built-in ones and those of the configuration."""

    def __init__(self, configured: Mapping[str, RoleSettings] | None = None) -> None:
        self._scopes = {
            name: _scopes(role) for name, role in (BUILT_IN_ROLES | dict(configured or {})).items()
        }

    def get(self, name: str) -> Scopes | None:
        """None when there is no such role: then nobody has it, and nothing is allowed."""
        return self._scopes.get(name)


def _scopes(role: RoleSettings) -> Scopes:
    return Scopes(
        adapters=frozenset(role.adapters) or None,
        exchanges=frozenset(role.exchanges) or None,
        modes=frozenset(Mode[name] for name in role.modes) or None,
        symbols=role.symbols,
        connections=role.connections,
        orders=role.orders,
        admin=role.admin,
    )
