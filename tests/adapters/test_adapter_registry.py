"""Brokers by name."""

import types

import pytest
from msgspec.structs import replace

from adapters import registry
from adapters.brokers.zerodha.broker import BROKER
from adapters.errors import CredentialsError, UnknownBrokerError
from bus.topics import Mode


class Point:
    """An installed package's entry point."""

    def __init__(self, name, found):
        self.name = name
        self.found = found

    def load(self):
        return self.found


@pytest.fixture
def installed(monkeypatch):
    def install(*points):
        monkeypatch.setattr(registry, "entry_points", lambda **_: points)

    return install


def test_built_in_broker():
    assert registry.find("zerodha") is BROKER
    assert "zerodha" in registry.known()


def test_unknown_broker_names_the_nearest_and_the_known():
    with pytest.raises(UnknownBrokerError, match=r"did you mean 'zerodha'\?.*known: .*zerodha"):
        registry.find("zerodah")
    with pytest.raises(UnknownBrokerError, match=r"^unknown broker 'qq'; known: "):
        registry.find("qq")


def test_installed_broker_is_found_but_replaces_none(installed):
    other = types.SimpleNamespace()
    installed(Point("mine", BROKER), Point("zerodha", other), Point("odd", other))
    assert registry.find("mine") is BROKER
    assert registry.find("zerodha") is BROKER
    with pytest.raises(UnknownBrokerError, match="a SimpleNamespace, not a Broker or Source"):
        registry.find("odd")


def test_missing_credentials_are_named(account):
    BROKER.require(account())
    empty = type(account())(credentials={})
    with pytest.raises(CredentialsError, match="Zerodha needs api_key and access_token"):
        BROKER.require(empty)


def test_stream_of_routes_by_token_and_mode():
    broker = replace(
        BROKER, stream_of=lambda _, mode: "deep" if mode is Mode.DEPTH else "feed", keys_of=None
    )
    assert broker.stream("1", Mode.DEPTH) == "deep"
    assert broker.keys("1") == ("1",)
