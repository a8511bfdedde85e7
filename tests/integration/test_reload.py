"""`reload` and `restart --all`: only what changed is touched, one after the other."""

import urllib.request

import pytest

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

SIM = """
[simulators.sim]
broker = "zerodha"
"""
ADAPTER = """
[adapters.{name}]
broker = "zerodha"
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "{name}", access_token = "{token}" }}
"""


def adapter(name, token="t"):
    return ADAPTER.format(name=name, token=token)


def rewrite(one, text):
    head = one.config.read_text().partition(SIM)[0]
    one.config.write_text(head + text)


def generations(one):
    return {p["name"]: p["generation"] for p in one.status()["processes"]}


def refuse_logins(one, switch):
    address = one.process("sim")["endpoint"].replace("ws://", "http://")
    with urllib.request.urlopen(f"{address}/control?refuse={switch}", timeout=5) as reply:
        assert reply.status == 200


def test_a_reload_touches_what_changed_and_nothing_else(system):
    one = system(SIM + adapter("a") + adapter("b") + adapter("c")).up()
    before = {p["name"]: p["pid"] for p in one.status()["processes"]}
    assert one.run("reload").stdout == "nothing changed\nreloaded\n"

    rewrite(one, SIM + adapter("a") + adapter("b", "planted-new-token") + adapter("c"))
    plan = "restart b\n    adapters.b.credentials.access_token: changed\n"
    assert one.run("reload", "--dry-run").stdout == plan
    assert generations(one)["b"] == 1
    told = one.run("reload").stdout
    assert told.startswith(plan)
    assert "b restarted: generation 2" in told
    assert generations(one) == dict.fromkeys(before, 1) | {"b": 2}
    assert "planted-new-token" not in told + one.logs()

    rewrite(one, SIM + adapter("b", "planted-new-token") + adapter("c") + adapter("d"))
    told = one.run("reload").stdout
    assert told.index("start d") < told.index("restart proxy") < told.index("stop a")
    one.wait_for(one.settled)
    after = one.status()["processes"]
    assert {p["name"] for p in after} == {"sim", "b", "c", "d", "marketdata", "proxy"}
    kept = {p["name"]: p["pid"] for p in after}
    for name in ("sim", "c", "marketdata"):
        assert kept[name] == before[name]
    with one.connect() as client:
        client.send('{"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": 1}')
        assert "SBIN" in client.recv(timeout=5)


def test_a_configuration_with_a_mistake_changes_nothing(system):
    one = system(SIM + adapter("a")).up()
    before = one.pids()
    rewrite(one, SIM + adapter("a") + "[adapters.b]\nbroker = 'zeroda'\n")
    done = one.run("reload", check=False)
    assert done.returncode == 1
    assert "adapters.b.broker: no broker 'zeroda'; did you mean 'zerodha'?" in done.stderr
    assert one.pids() == before


def test_all_are_restarted_one_after_the_other(system):
    one = system(SIM + adapter("a") + adapter("b")).up()
    told = one.run("restart", "--all").stdout
    places = [told.index(f"{name} restarted") for name in ("a", "b", "marketdata", "proxy")]
    assert places == sorted(places)
    assert generations(one) == {"sim": 1, "a": 2, "b": 2, "marketdata": 2, "proxy": 2}


def test_a_reload_that_failed_is_finished_by_the_next(system):
    one = system(SIM + adapter("a") + adapter("b")).up()
    before = generations(one)
    rewrite(one, SIM + adapter("a", "new") + adapter("b", "new"))
    refuse_logins(one, "on")
    done = one.run("reload", "--timeout", "3", check=False)
    assert done.returncode == 1
    assert "stopped at the first failure" in done.stdout
    assert "the configuration was not reloaded as a whole" in done.stderr
    assert generations(one) == before
    refuse_logins(one, "off")
    told = one.run("reload").stdout
    assert "restart a" in told
    assert "restart b" in told
    # A number is never used twice, and `a` had one that did not come up.
    assert generations(one) == before | {"a": 3, "b": 2}
    assert one.run("reload").stdout == "nothing changed\nreloaded\n"


def test_restarting_all_stops_at_the_first_failure(system):
    one = system(SIM + adapter("a") + adapter("b")).up()
    before = one.pids()
    refuse_logins(one, "on")
    done = one.run("restart", "--all", "--timeout", "3", check=False)
    assert done.returncode == 1
    assert "a was not restarted" in done.stderr
    assert one.pids() == before


@pytest.mark.parametrize("arguments", [[], ["--all", "a"]])
def test_restart_wants_one_name_or_all(system, arguments):
    one = system(SIM + adapter("a"))
    assert one.run("restart", *arguments, check=False).returncode == 2
