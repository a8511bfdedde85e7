"""`[metrics]`: who serves them, where, and what is refused."""

from random import Random

import pytest

from bus.settings import ConsoleBootstrap, MetricsBootstrap
from supervisor import compose, config
from supervisor.errors import ConfigError
from supervisor.instance.paths import StatePaths
from supervisor.replacing.changes import plan
from supervisor.vault import Vault


@pytest.fixture
def load(tmp_path):
    def loaded(text, environ=None):
        file = tmp_path / "c.toml"
        file.write_text(text)
        return config.load(file, environ or {})

    return loaded


def told(settings, tmp_path):
    made = compose.processes(settings, Vault(settings), StatePaths(tmp_path), Random(1))
    return {one.name: one._settings() for one in made if one.role in {"console", "metrics"}}


@pytest.mark.parametrize(
    ("text", "by_console", "port"),
    [
        ("", True, None),
        ("[metrics]\nenabled = false", False, None),
        ("[metrics]\nport = 9000", False, 9000),
        ("[metrics]\nport = 0", False, 0),
        ("[console]\nenabled = false", False, None),
        ("[console]\nenabled = false\n[metrics]\nport = 9000", False, 9000),
        ("[metrics]\nport = 9000\nenabled = false", False, None),
    ],
)
def test_the_console_serves_them_or_a_process_of_their_own(load, tmp_path, text, by_console, port):
    found = told(load(text), tmp_path)
    console, metrics = found.get("console"), found.get("metrics")
    assert isinstance(console, ConsoleBootstrap | None)
    assert (console is not None and console.metrics is not None) == by_console
    if port is None:
        assert metrics is None
    else:
        assert isinstance(metrics, MetricsBootstrap)
        assert metrics.metrics.port == port


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[metrics]\nport = 8765", "metrics.port: 8765 is the proxy's, too"),
        ("[metrics]\nport = 8766", "metrics.port: 8766 is the market-data service's, too"),
        ("[metrics]\nport = 8767", "metrics.port: 8767 is the console's, too"),
        ('[metrics]\nport = 1\nhost = "0.0.0.0"', "set metrics.token"),
        ('[metrics]\ntoken = "env:NOPE"', "variable NOPE is not set"),
        ("[metrics]\nprot = 1", "metrics.prot: unknown key; did you mean 'port'?"),
    ],
)
def test_what_cannot_work_is_refused(load, text, part):
    with pytest.raises(ConfigError) as error:
        load(text)
    assert part in str(error.value)


def test_with_a_token_other_machines_may_scrape(load):
    found = load('[metrics]\nport = 1\nhost = "0.0.0.0"\ntoken = "env:T"', {"T": "planted"})
    assert found.metrics.token.reveal() == "planted"
    assert "planted" not in repr(found)


def test_a_reload_touches_who_serves_them(load):
    before = load("")
    changes = {c.name: c.kind for c in plan(before, load("[metrics]\nport = 9000")).changes}
    assert changes == {"metrics": "start", "console": "restart"}
    changes = {c.name: c.kind for c in plan(before, load("[metrics]\nenabled = false")).changes}
    assert changes == {"console": "restart"}
