"""Several proxy processes: names, the shared port, who is asked about clients."""

import random

import pytest

from bus.control.messages import Clients, ClientStatus, Hello
from bus.settings import ProxyBootstrap, ProxySettings
from supervisor import config
from supervisor.errors import ConfigError
from supervisor.instance.paths import StatePaths
from supervisor.processes.workers import names, proxies
from supervisor.rollcall import RollCall


def make(tmp_path, *, workers, port=8765):
    boot = ProxyBootstrap(
        proxy=ProxySettings(port=port, workers=workers),
        adapters=[],
        keys_path="keys",
        stats_path="stats",
    )
    return proxies(boot, StatePaths(tmp_path), random.Random(1))


def serves(process, port):
    address = f"ws://127.0.0.1:{port}"
    process.hello(Hello(process.name, "proxy", 1, 1, address, "0"), 0.0)


def test_one_worker_is_called_proxy_and_gets_the_settings_as_they_are(tmp_path):
    (only,) = make(tmp_path, workers=1, port=0)
    assert only.name == "proxy"
    assert only._settings().proxy.port == 0
    serves(only, 4711)
    assert only._settings().proxy.port == 4711  # its second life


def test_only_the_first_of_several_has_what_there_is_one_of(tmp_path):
    first, second, third = make(tmp_path, workers=3)
    assert names(3) == [first.name, second.name, third.name] == ["proxy", "proxy-2", "proxy-3"]
    assert (first._settings().stats_path, second._settings().stats_path) == ("stats", "")
    assert third._settings().stats_path == ""


def test_workers_take_the_port_that_the_first_one_got_and_keep_it(tmp_path):
    first, second = make(tmp_path, workers=2, port=0)
    assert first._settings().proxy.port == 0
    with pytest.raises(OSError, match="proxy has no port yet"):
        second._settings()
    serves(first, 4711)
    assert second._settings().proxy.port == 4711
    assert first._settings().proxy.port == 4711  # its second life


def client(number):
    return ClientStatus(
        id=str(number),
        key="k",
        user="u",
        address="",
        profile="peer",
        connected_s=1.0,
        subscriptions=1,
        queue_bytes=0,
        delivered=0,
        conflating=False,
        conflated=0,
        dropped=0,
    )


def test_roll_call_is_complete_when_all_have_answered_and_tells_who_did_not():
    call = RollCall([("proxy", 1), ("proxy-2", 4)])
    call.heard(Clients("proxy", 1, [client(1)], 7))
    call.heard(Clients("proxy", 99, [], 0))  # of another life
    assert not call.complete
    one, two = call.reply().proxies
    assert (one.name, one.total, len(one.clients)) == ("proxy", 7, 1)
    assert (two.name, two.total, two.clients) == ("proxy-2", None, [])
    call.heard(Clients("proxy-2", 4, [], 0))
    assert call.complete


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[tap]\nenabled = true\nhost = "0.0.0.0"\n', "tap.host: '0.0.0.0' is reachable"),
        ("[tap]\nenabled = true\nport = 8765\n", "tap.port: 8765 is the proxy's, too"),
        ('[tap]\ntopics = "x"\n', "tap.topics: invalid enum value 'x'"),
        ("[proxy]\nworkers = 0\n", "proxy.workers: expected `int` >= 1"),
        ("[adapters.proxy-2]\n", "adapters.proxy-2: this name is taken"),
        ("[adapters.tap]\n", "adapters.tap: this name is taken"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, text, problem):
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        config.load(file, {})
    assert problem in str(told.value)


def test_tap_and_openalgos_bus_exclude_each_other(tmp_path):
    file = tmp_path / "c.toml"
    (tmp_path / "openalgo.env").write_text(
        f"API_KEY_PEPPER = '{'p' * 40}'\nDATABASE_URL = 'sqlite:///none.db'\nZMQ_PORT=5555\n"
    )
    file.write_text('[tap]\nenabled = true\n[openalgo]\nenv_file = "openalgo.env"\n')
    with pytest.raises(ConfigError) as told:
        config.load(file, {})
    assert "one address cannot be both" in str(told.value)
    text = file.read_text().replace("[openalgo]", '[openalgo]\nbus = "off"')
    file.write_text(text)
    assert "one address cannot be both" not in _problems(file)


def _problems(file):
    try:
        config.load(file, {})
    except ConfigError as told:
        return str(told)
    return ""


def test_tap_takes_openalgos_variables(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[tap]\nenabled = true\n")
    tap = config.load(file, {"ZMQ_HOST": "127.0.0.1", "ZMQ_PORT": "5566"}).tap
    assert (tap.enabled, tap.port, tap.topics) == (True, 5566, "EXCHANGE_SYMBOL_MODE")
