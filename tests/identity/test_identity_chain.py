"""Several authorities as one, and what roles allow."""

from __future__ import annotations

import asyncio

import pytest

from bus.access import BUILT_IN_ROLES, RoleSettings
from bus.topics import Mode
from identity.authority import Identity, IdentityError, Slow
from identity.chain import Chain
from identity.scopes import Narrowing, Roles

TRADER = Roles().get("trader")


def identity(kind, user):
    return Identity(user=user, credential=f"{kind}:{user}", name=user, scopes=TRADER)


class Authority:
    """Knows the users it is made with; `slow` ones take time; `broken` knows nothing now."""

    def __init__(self, kind, *users, slow=(), broken=False):
        self.kind, self.users, self.slow, self.broken = kind, users, slow, broken
        self.news = False
        self.ran = 0

    def verify(self, credential):
        if self.broken:
            raise IdentityError(f"{self.kind} is broken")
        if credential in self.users:
            return identity(self.kind, credential)
        return Slow(lambda: self._run(credential)) if self.slow else None

    async def _run(self, credential):
        self.ran += 1
        return identity(self.kind, credential) if credential in self.slow else None

    def changed(self):
        news, self.news = self.news, False
        return news

    def renew(self, known):
        return known if known.user in self.users else None


def chain(*authorities):
    return Chain({one.kind: one for one in authorities})


def test_first_who_knows_answers_and_nobody_else_is_troubled():
    slow = Authority("slow", slow=("bob",))
    both = chain(slow, Authority("quick", "alice"))
    assert both.verify("alice").credential == "quick:alice"
    assert slow.ran == 0


def test_slow_answers_are_awaited_in_turn():
    both = chain(Authority("a", slow=("x",)), Authority("b", slow=("bob",)))
    answer = both.verify("bob")
    assert isinstance(answer, Slow)
    assert asyncio.run(answer.run()).credential == "b:bob"
    assert asyncio.run(both.verify("carol").run()) is None


def test_failure_of_one_is_told_only_to_whom_nobody_knows():
    both = chain(Authority("a", broken=True), Authority("b", "bob"), Authority("c", slow=("x",)))
    assert both.verify("bob").user == "bob"
    assert asyncio.run(both.verify("x").run()).user == "x"
    with pytest.raises(IdentityError, match="a is broken"):
        asyncio.run(both.verify("nobody").run())
    with pytest.raises(IdentityError, match="a is broken"):
        chain(Authority("a", broken=True)).verify("nobody")


def test_renewal_goes_to_who_gave_the_credential_out():
    a, b = Authority("a", "alice"), Authority("b", "alice")
    both = chain(a, b)
    known = both.verify("alice")
    assert both.renew(known) == known
    a.users = ()
    assert both.renew(known) is None
    assert both.renew(identity("z", "alice")) is None


def test_every_news_is_heard_once():
    a, b = Authority("a"), Authority("b")
    both = chain(a, b)
    a.news = b.news = True
    assert both.changed()
    assert not both.changed()


def test_built_in_roles_differ_in_orders_and_administration():
    rights = {name: (s.orders, s.admin) for name in BUILT_IN_ROLES if (s := Roles().get(name))}
    assert rights == {"trader": (True, False), "viewer": (False, False), "admin": (True, True)}


def test_role_allows_what_it_lists_and_says_what_it_does_not():
    scopes = Roles({"r": RoleSettings(exchanges=["NSE"], modes=["LTP", "QUOTE"])}).get("r")
    assert scopes.refusal("NSE", Mode.LTP) == ""
    assert scopes.refusal("BSE", Mode.LTP) == "This key may not have BSE"
    assert scopes.refusal("NSE", Mode.DEPTH) == "This key may not have DEPTH"
    assert Roles().get("r") is None


def test_narrowing_to_nothing_allows_nothing():
    scopes = TRADER.narrowed(Narrowing(exchanges=[], symbols=-5))
    assert scopes.refusal("NSE", Mode.LTP)
    assert scopes.symbols == 0
    assert scopes.adapters is None
