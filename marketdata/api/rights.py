"""What of the paper accounts a key may touch.

A key that is limited to some exchanges has nothing else of its user's account: other orders and
positions are neither shown to it nor changed by it, and what concerns the account as a whole is
not its business. The accounts of other users are an administrator's.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol, TypeVar

from identity.authority import Identity
from marketdata.api.endpoint import ApiError
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import NotFound


class _OfExchange(Protocol):
    @property
    def exchange(self) -> str: ...


T = TypeVar("T", bound=_OfExchange)


def may_have(who: Identity, exchange: str) -> bool:
    """Whether the key may have an exchange's instruments."""
    return who.scopes.exchanges is None or exchange in who.scopes.exchanges


def check_exchange(who: Identity, exchange: str) -> None:
    """Raises ApiError: the key may not have that exchange."""
    if not may_have(who, exchange):
        raise ApiError(HTTPStatus.FORBIDDEN, f"This key may not have {exchange[:16]}", "exchange")


def visible(who: Identity, things: Iterable[T]) -> list[T]:
    """What of orders, positions and the like the key may have."""
    return [one for one in things if may_have(who, one.exchange)]


def account_of(who: Identity, user: str) -> str:
    """The account that a call is about: the key's own, or the one that it names.

    Raises:
        ApiError: another user's, and this is no administrator's key.
    """
    if not user or user == who.user:
        return who.user
    if not who.scopes.admin:
        raise ApiError(HTTPStatus.FORBIDDEN, "The accounts of others need the right `admin`")
    return user


def whole_account(who: Identity, user: str) -> str:
    """As `account_of`, for what concerns all of it.

    Raises:
        ApiError: also where the key has only a part of it.
    """
    if who.scopes.exchanges is not None:
        raise ApiError(
            HTTPStatus.FORBIDDEN, "This concerns the whole account; the key has a part of it"
        )
    return account_of(who, user)


def check_account(who: Identity, user: str, desk: Desk) -> None:
    """For the desk's thread. Raises NotFound: nobody of that name ever traded here."""
    if user != who.user and not desk.has_account(user):
        raise NotFound("account", f"no account of {user[:64]!r}")


def note_administrator(who: Identity, user: str, desk: Desk, what: str) -> None:
    """Before an administrator acts on another's account: its audit says who that was. For the
    desk's thread.

    Raises:
        NotFound: there is no such account.
    """
    check_account(who, user, desk)
    if user != who.user:
        desk.note(user, what, f"by {who.user}")
