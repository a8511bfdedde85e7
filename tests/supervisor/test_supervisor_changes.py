"""The plan of a reload: only what changed is touched, and no secret is shown."""

import random

import msgspec
import pytest

from bus.access import RoleSettings
from bus.secret import Secret
from bus.settings import (
    AdapterSettings,
    BusSettings,
    MarketDataSettings,
    ProxySettings,
    RecorderSettings,
    SandboxSettings,
    SimulatorSettings,
    TapSettings,
)
from supervisor import compose
from supervisor.config import Config, SupervisorSettings
from supervisor.instance.paths import StatePaths
from supervisor.replacing import changes
from supervisor.replacing.changes import plan
from supervisor.vault import Vault


def adapter(token="t", **settings):
    return AdapterSettings(
        broker="zerodha",
        credentials={"api_key": Secret("k"), "access_token": Secret(token)},
        **settings,
    )


BASE = Config(adapters={"a": adapter(), "b": adapter()}, simulators={"sim": SimulatorSettings()})


def changed(**sections):
    return msgspec.structs.replace(BASE, **sections)


def steps(new, old=BASE):
    return [(change.kind, change.name) for change in plan(old, new).changes]


def test_nothing_changed_is_nothing_to_do():
    found = plan(BASE, changed())
    assert (found.changes, found.live, found.later, found.lines()) == ([], [], [], [])


def test_a_new_credential_restarts_its_adapter_and_is_not_shown():
    new = changed(adapters={"a": adapter("planted-token"), "b": adapter()})
    assert plan(BASE, new).lines() == [
        "restart a",
        "    adapters.a.credentials.access_token: changed",
    ]


@pytest.mark.parametrize("direction", [1, -1])
def test_an_adapter_that_comes_or_goes_is_news_for_the_proxy(direction):
    few, more = BASE, changed(adapters={**BASE.adapters, "c": adapter()})
    assert steps(*(more, few)[::direction]) == (
        [("start", "c"), ("restart", "proxy")]
        if direction == 1
        else [("restart", "proxy"), ("stop", "c")]
    )


@pytest.mark.parametrize(
    ("section", "value", "name", "said"),
    [
        ("proxy", ProxySettings(port=9000), "proxy", "proxy.port: 8765 -> 9000"),
        (
            "marketdata",
            MarketDataSettings(forget_after_s=5.0),
            "marketdata",
            "marketdata.forget_after_s: 86400.0 -> 5.0",
        ),
        (
            "sandbox",
            SandboxSettings(fills="ltp"),
            "marketdata",
            "sandbox.fills: book -> ltp",
        ),
        (
            "simulators",
            {"sim": SimulatorSettings(rate=9.0)},
            "sim",
            "simulators.sim.rate: 150.0 -> 9.0",
        ),
        (
            "adapters",
            {"a": adapter(connections=2), "b": adapter()},
            "a",
            "adapters.a.connections: not set -> 2",
        ),
    ],
)
def test_a_changed_setting_restarts_whom_it_is_for(section, value, name, said):
    found = plan(BASE, changed(**{section: value}))
    assert [(c.kind, c.name) for c in found.changes] == [("restart", name)]
    assert f"    {said}" in found.lines()


def test_who_may_what_is_news_for_every_server_that_asks_for_keys():
    found = plan(BASE, changed(roles={"x": RoleSettings(symbols=3)}))
    assert [(c.kind, c.name) for c in found.changes] == [
        ("restart", "marketdata"),
        ("restart", "proxy"),
        ("restart", "console"),
    ]
    assert found.lines().count("    roles.x.symbols: not set -> 3") == 3


def test_proxies_and_the_tap_come_and_go_by_their_settings():
    new = changed(proxy=ProxySettings(workers=2), tap=TapSettings(enabled=True))
    assert steps(new) == [("start", "tap"), ("start", "proxy-2"), ("restart", "proxy")]
    assert steps(BASE, new) == [("restart", "proxy"), ("stop", "tap"), ("stop", "proxy-2")]


def test_the_recorder_comes_goes_and_is_told_by_its_settings():
    on = changed(recorder=RecorderSettings(enabled=True))
    assert steps(on) == [("start", "recorder")]
    assert steps(BASE, on) == [("stop", "recorder")]
    other = changed(recorder=RecorderSettings(enabled=True, orders=True))
    assert steps(other, on) == [("restart", "recorder")]


def test_shared_memory_restarts_the_adapters_that_have_it():
    adapters = {"a": adapter(shared_memory=False), "b": adapter()}
    old = changed(adapters=adapters)
    new = changed(adapters=adapters, bus=BusSettings(shared_memory=True))
    assert steps(new, old) == [("restart", "b")]


def test_what_the_supervisor_goes_by_touches_no_process():
    found = plan(
        BASE,
        changed(
            supervisor=SupervisorSettings(max_rss_mb=200, orphan_grace_s=5.0),
            adapters={"a": adapter(max_rss_mb=90), "b": adapter()},
        ),
    )
    assert found.changes == []
    assert found.lines() == [
        "at once: supervisor.max_rss_mb: not set -> 200",
        "at once: adapters.a.max_rss_mb: not set -> 90",
        "with the next `up` only: supervisor.orphan_grace_s: 120.0 -> 5.0",
    ]


def test_what_an_earlier_reload_did_not_reach_is_still_to_be_done():
    new = changed(adapters={"a": adapter("new")}, proxy=ProxySettings(port=9000))
    found = plan(new, new, {"a": BASE, "b": BASE})
    assert [(c.kind, c.name) for c in found.changes] == [("restart", "a"), ("stop", "b")]


def test_every_process_that_is_made_is_compared(tmp_path):
    whole = changed(
        tap=TapSettings(enabled=True),
        recorder=RecorderSettings(enabled=True),
        proxy=ProxySettings(workers=3),
    )
    made = compose.processes(whole, Vault(whole), StatePaths(tmp_path), random.Random(1))
    compared = changes.processes(whole)
    assert {p.name: p.role for p in made} == {n: role for n, (role, _) in compared.items()}


def test_a_token_that_came_later_survives_a_file_that_says_what_it_said():
    vault = Vault(BASE)
    vault.replace("a", {"access_token": Secret("todays")})
    vault.replace("b", {"access_token": Secret("todays")})
    vault.follow(BASE, changed(adapters={"a": adapter(), "b": adapter("files"), "c": adapter()}))
    tokens = {name: vault.of(name)["access_token"].reveal() for name in ("a", "b", "c")}
    assert tokens == {"a": "todays", "b": "files", "c": "t"}
    vault.follow(BASE, changed(adapters={}))
    assert vault.of("a") == {}
