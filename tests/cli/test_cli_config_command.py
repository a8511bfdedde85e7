"""`config init|check|show|schema` as a user calls them."""

import json
import stat

import pytest
from click.testing import CliRunner

from supervisor.cli import cli
from supervisor.errors import UserError


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(cli, ["config", *arguments])
        if isinstance(done.exception, UserError):
            raise done.exception
        return done

    return run


def test_init_then_check_tells_what_is_still_to_do(call, tmp_path, monkeypatch):
    told = call("init", "--broker", "zerodha").stdout
    file = tmp_path / "openalgo-stream.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "export ZERODHA_ACCESS_TOKEN=..." in told
    assert "openalgo-stream config check" in told
    with pytest.raises(UserError) as raised:
        call("check")
    line = file.read_text().splitlines().index("[adapters.zerodha]") + 2
    assert f"{file}:{line}: adapters.zerodha.credentials.api_key: the environment" in str(
        raised.value
    )
    monkeypatch.setenv("ZERODHA_API_KEY", "k")
    monkeypatch.setenv("ZERODHA_ACCESS_TOKEN", "t")
    assert "nothing is wrong; adapters: zerodha (zerodha)" in call("check").stdout
    assert json.loads(call("check", "--json").stdout)["ok"] is True


def test_init_never_overwrites(call, tmp_path):
    (tmp_path / "mine.toml").write_text("# mine\n")
    with pytest.raises(UserError, match="is there already, and is left as it is"):
        call("init", "--config", "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == "# mine\n"


def test_init_knows_the_options_of_sources(call, tmp_path):
    call("init", "--broker", "replay", "--config", "new.toml")
    assert "# It takes these options: path, " in (tmp_path / "new.toml").read_text()


def test_check_as_json_has_the_parts_of_each_problem(call, tmp_path):
    (tmp_path / "openalgo-stream.toml").write_text("[adapters.zeroda]\n[proxy]\nprot = 1\n")
    done = call("check", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert told["problems"] == [
        {"line": 3, "key": "proxy.prot", "message": "unknown key; did you mean 'port'?"}
    ]


def test_show_tells_values_and_origins_and_hides_secrets(call, tmp_path):
    (tmp_path / "openalgo-stream.toml").write_text(
        "[adapters.zerodha]\ncredentials = { api_key = 'HIDE', access_token = 'HIDE' }\n"
        "[proxy]\nport = 9000\n"
    )
    shown = call("show", "proxy", "adapters.zerodha.credentials").stdout
    assert "HIDE" not in shown
    lines = dict(line.split("  # ") for line in shown.splitlines())
    lines = {key.strip(): origin for key, origin in lines.items()}
    assert lines["proxy.port = 9000"] == "openalgo-stream.toml:4"
    assert lines['proxy.host = "127.0.0.1"'] == "default"
    assert lines['adapters.zerodha.credentials.api_key = "***"'] == "openalgo-stream.toml:2"
    changed = {one["key"]: one for one in json.loads(call("show", "--changed", "--json").stdout)}
    assert changed["proxy.port"] == {
        "key": "proxy.port", "value": 9000, "from": "file", "line": 4, "source": "",
    }  # fmt: skip
    assert "proxy.host" not in changed
    assert changed["adapters.zerodha.credentials.access_token"]["value"] == "***"
    with pytest.raises(UserError, match="nothing is called prxy"):
        call("show", "prxy")


def test_schema_is_json(call):
    assert "proxy" in json.loads(call("schema").stdout)["properties"]
