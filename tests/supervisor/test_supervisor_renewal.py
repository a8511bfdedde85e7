"""New broker tokens from elsewhere: each is used once, and one that has to wait is not lost."""

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bus.control.messages import Done, Refused
from bus.errors import StreamError
from bus.secret import Secret
from bus.settings import AdapterSettings
from supervisor.config import Config
from supervisor.errors import NoTokenError
from supervisor.replacing.renewal import Renewal, Tokens
from supervisor.vault import Vault

KEY = Secret("run's secret")


def token(text):
    return {"access_token": Secret(text)}


class RenewalMachine(RuleBasedStateMachine):
    """Logins come and go, and adapters are busy now and then."""

    def __init__(self):
        super().__init__()
        self.truth = {}
        self.used = {}
        self.busy = set()
        self.renewal = Renewal(self.renew, KEY)

    def renew(self, name, values):
        if name in self.busy:
            return Refused("it is being restarted")
        assert self.used.get(name) != values, "the same token was handed on twice"
        self.used[name] = values
        return Done("begun")

    @rule(name=st.sampled_from("ab"), text=st.sampled_from("123"))
    def log_in(self, name, text):
        self.truth[name] = token(text)
        self.renewal.found(self.truth)

    @rule(name=st.sampled_from("ab"))
    def log_out(self, name):
        self.truth.pop(name, None)
        self.renewal.found(self.truth)

    @rule(name=st.sampled_from("ab"))
    def begin_or_end_something_else(self, name):
        self.busy ^= {name}

    @rule()
    def hand_on(self):
        self.renewal.hand_on()
        for name, values in self.truth.items():
            assert name in self.busy or self.used[name] == values

    @invariant()
    def no_secret_is_in_what_is_kept(self):
        assert all(len(mark) == 64 for mark in self.renewal.marks.values())


TestRenewal = RenewalMachine.TestCase


def test_a_later_supervisor_knows_what_its_processes_use():
    first = Renewal(lambda *_: Done(""), KEY)
    first.used({"a": token("1"), "b": token("2")})
    handed = []
    second = Renewal(lambda name, _: handed.append(name) or Done(""), KEY, first.marks)
    second.found({"a": token("1"), "b": token("3")})
    second.hand_on()
    assert handed == ["b"]


class Source:
    every_s = 0.001

    def __init__(self, *found):
        self.found = list(found)

    def look(self):
        found = self.found.pop(0) if self.found else None
        if isinstance(found, Exception):
            raise found
        return found


def test_an_adapter_waits_for_a_login_and_gets_it(caplog):
    config = Config(adapters={"a": AdapterSettings(credentials=token("openalgo:alice"))})
    vault = Vault(config)
    with pytest.raises(NoTokenError, match="no access_token: alice is not logged in"):
        vault.of("a")

    async def test():
        told = asyncio.Event()

        def renew(name, values):
            vault.replace(name, values)
            told.set()
            return Done("")

        trouble = StreamError("the database is locked")
        source = Source(trouble, trouble, None, {"a": token("planted")})
        tokens = Tokens(source, vault, Renewal(renew, KEY))
        await tokens.take(["a"])
        following = asyncio.create_task(tokens.follow())
        await asyncio.wait_for(told.wait(), 5)
        following.cancel()

    asyncio.run(test())
    assert vault.of("a")["access_token"].reveal() == "planted"
    assert caplog.text.count("the database is locked") == 1
    assert "planted" not in caplog.text


def test_those_that_start_get_their_credentials_before():
    config = Config(adapters={n: AdapterSettings(credentials=token("openalgo:")) for n in "ab"})
    vault, handed = Vault(config), []

    async def test():
        renewal = Renewal(lambda name, _: handed.append(name) or Done(""), KEY)
        tokens = Tokens(Source({"a": token("1"), "b": token("2")}), vault, renewal)
        await tokens.take(["a"])
        renewal.hand_on()

    asyncio.run(test())
    assert vault.of("a")["access_token"].reveal() == "1"
    assert handed == ["b"]
