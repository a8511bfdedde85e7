"""The sections about who may connect: `[proxy]`'s doors, roles, limits, OpenAlgo, tokens."""

from __future__ import annotations

import pytest

from supervisor import config
from supervisor.compose import processes
from supervisor.config.openalgo import is_local, read_env
from supervisor.errors import ConfigError
from supervisor.instance.paths import StatePaths
from supervisor.vault import Vault

PEPPER = "a-pepper-of-32-characters-or-more"
ENV = f"""
# OpenAlgo's own file
API_KEY_PEPPER = '{PEPPER}'
FERNET_SALT="00112233445566778899aabbccddeeff"
export ZMQ_PORT=5999   # a comment
BROKEN LINE
EMPTY =
"""


@pytest.fixture
def load(tmp_path):
    def load(text, environ=None):
        file = tmp_path / "openalgo-stream.toml"
        file.write_text(text)
        return config.load(file, environ or {})

    return load


@pytest.fixture
def install(tmp_path):
    """An OpenAlgo install in a folder beside the configuration."""
    (tmp_path / "oa" / "db").mkdir(parents=True)
    (tmp_path / "oa" / ".env").write_text(ENV)
    (tmp_path / "oa" / "db" / "openalgo.db").touch()
    return tmp_path / "oa"


def problems(load, text, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(text, environ)
    assert PEPPER not in str(caught.value)
    return "\n".join(line.split(": ", 1)[1] for line in str(caught.value).splitlines())


# --- reach ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_other_machines_need_tls_or_words(load, tmp_path, host):
    told = problems(load, f'[proxy]\nhost = "{host}"\n')
    assert told.startswith(f"proxy.host: {host!r} is reachable from other machines")
    assert "allow_insecure_remote = true" in told
    loaded = load(f'[proxy]\nhost = "{host}"\nallow_insecure_remote = true\n')
    assert loaded.proxy.host == host
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    loaded = load(f'[proxy]\nhost = "{host}"\ntls_certificate = "c.pem"\ntls_key = "k.pem"\n')
    assert loaded.proxy.tls_key == str(tmp_path / "k.pem")


def test_the_http_api_for_other_machines_needs_words(load):
    told = problems(load, '[marketdata]\nhost = "0.0.0.0"\n')
    assert told.startswith("marketdata.host: '0.0.0.0' is reachable from other machines")
    loaded = load('[marketdata]\nhost = "0.0.0.0"\nallow_insecure_remote = true\n')
    assert loaded.marketdata.host == "0.0.0.0"


def test_variable_that_docker_images_set_is_refused_like_the_key(load):
    assert "reachable" in problems(load, "", {"WEBSOCKET_HOST": "0.0.0.0"})
    loaded = load(
        "",
        {"WEBSOCKET_HOST": "0.0.0.0", "OPENALGO_STREAM_PROXY_ALLOW_INSECURE_REMOTE": "true"},
    )
    assert loaded.proxy.allow_insecure_remote


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[proxy]\ntls_certificate = "c.pem"', "proxy.tls_key: a certificate needs its key"),
        ('[proxy]\ntls_key = "k.pem"', "proxy.tls_certificate: a certificate needs"),
        ('[proxy]\norigins = ["trade.example.com"]', "write it like https://trade.example.com"),
        ('[proxy]\norigins = ["https://a.example/page"]', "is no origin"),
        ('[proxy]\ntrusted_proxies = ["nginx"]', "'nginx' is no address or network"),
        ('[roles.r]\nadapters = ["zerodha"]', "roles.r.adapters: no [adapters.zerodha]"),
        ('[roles.r]\nexchanges = ["nse"]', "roles.r.exchanges: 'nse' is none; known: BCD,"),
        ('[roles.r]\nmodes = ["FULL"]', "roles.r.modes"),
        ("[roles.r]\nsymbols = 0", "roles.r.symbols: expected `int` >= 1"),
        ("[roles.r]\nsymbol = 5", "roles.r.symbol: unknown key; did you mean 'symbols'?"),
        ("[limits]\nhandshakes = 5", "limits.handshakes: unknown key"),
        ('[jwt]\nrole = "king"', "jwt.role: no [roles.king] in this file; known: admin, trader"),
        ('[jwt]\nsecret = "short"', "jwt.secret: HS256 needs 32 bytes at least"),
        ('[jwt]\njwks = "no.json"', "jwt.jwks: "),
        ('[openalgo]\nrole = "king"', "openalgo.role: no [roles.king]"),
        ('[openalgo]\nenv_file = "no.env"', "openalgo.env_file: "),
        ('[openalgo]\ndatabase = "no.db"', "openalgo.database: "),
        ('[openalgo]\ndatabase = "postgresql://u:p@h/db"', "only SQLite"),
        ('[openalgo]\npepper = "env:NOPE"', "variable NOPE is not set"),
    ],
)
def test_what_cannot_work_is_refused(load, text, part):
    assert part in problems(load, text)


def test_password_of_a_database_address_is_never_told(load):
    assert "u:p@h" not in problems(load, '[openalgo]\ndatabase = "postgresql://u:p@h/db"')


# --- OpenAlgo's install -------------------------------------------------------------------------


def test_env_file_of_the_install_is_all_that_must_be_named(load, install):
    found = load('[openalgo]\nenv_file = "oa/.env"\n').openalgo
    assert found.database == str(install / "db" / "openalgo.db")
    assert found.pepper.reveal() == PEPPER
    assert found.fernet_salt.reveal() == "00112233445566778899aabbccddeeff"
    assert found.bus == "tcp://127.0.0.1:5999"


@pytest.mark.parametrize(
    ("proxy", "variables", "told", "expected"),
    [
        ("", {}, "", "oa/log/ws_proxy_stats.json"),
        ("", {}, "WS_PROXY_STATS_FILE = 'log/mine.json'\n", "oa/log/mine.json"),
        ('stats_file = "mine.json"', {}, "", "mine.json"),
        ("", {"WS_PROXY_STATS_FILE": "there.json"}, "", "there.json"),
        ('stats_file = "off"', {"WS_PROXY_STATS_FILE": "there.json"}, "", ""),
    ],
)
def test_the_health_page_of_the_install_is_told_that_the_proxy_lives(
    load, install, tmp_path, proxy, variables, told, expected
):
    with (install / ".env").open("a") as env_file:
        env_file.write(told)
    text = f'[openalgo]\nenv_file = "oa/.env"\n[proxy]\n{proxy}\n'
    found = load(text, variables).proxy.stats_file
    assert found == (str(tmp_path / expected) if expected else "")


def test_without_an_install_no_stats_file_is_written(load):
    assert load("").proxy.stats_file == ""


@pytest.mark.usefixtures("install")
def test_file_decides_what_it_says_itself(load, tmp_path):
    (tmp_path / "copy.db").touch()
    found = load(
        '[openalgo]\nenv_file = "oa/.env"\ndatabase = "copy.db"\nbus = "off"\npoll_s = 5\n'
        'pepper = "env:OTHER"\n',
        {"OTHER": PEPPER[::-1]},
    ).openalgo
    assert found.database == str(tmp_path / "copy.db")
    assert (found.pepper.reveal(), found.bus, found.poll_s) == (PEPPER[::-1], "", 5)


@pytest.mark.usefixtures("install")
def test_without_the_section_nothing_of_openalgo_is_read(load):
    found = load("", {"API_KEY_PEPPER": PEPPER, "ZMQ_PORT": "5555"}).openalgo
    assert (found.database, found.bus) == ("", "")


@pytest.mark.usefixtures("install")
def test_bus_that_other_machines_reach_is_refused(load):
    text = '[openalgo]\nenv_file = "oa/.env"\nbus = "tcp://0.0.0.0:5555"\n'
    assert "openalgo.bus: tcp://0.0.0.0:5555 can be reached" in problems(load, text)
    assert load("[proxy]\nallow_insecure_remote = true\n" + text).openalgo.bus
    assert is_local("tcp://[::1]:1")
    assert is_local("ipc:///tmp/x")
    assert is_local("")


def test_env_files_are_read_as_openalgo_writes_them():
    found = read_env("A = 'b # c' # d\nE=f # g\n# H=i\nexport J='k'\n = l\nM='open\n")
    assert found == {"A": "b # c", "E": "f", "J": "k", "M": "'open"}


@pytest.mark.usefixtures("install")
def test_bus_is_found_for_the_command_line_without_the_rest(tmp_path):
    file = tmp_path / "openalgo-stream.toml"
    file.write_text(
        '[openalgo]\nenv_file = "oa/.env"\n'
        '[adapters.z]\ncredentials = {a = "env:NOT_EXPORTED"}\n[roles.mine]\n'
    )
    assert config.openalgo_bus(file) == "tcp://127.0.0.1:5999"
    assert config.role_names(file) == ["admin", "mine", "trader", "viewer"]
    file.write_text("[openalgo]\nnonsense = 1\n")
    assert config.openalgo_bus(file) == ""
    assert config.openalgo_bus(None) == ""


# --- how it reaches the proxy ---------------------------------------------------------------------


@pytest.mark.usefixtures("install")
def test_proxy_is_told_roles_limits_and_authorities(load, tmp_path, seeded):
    loaded = load(
        "[roles.small]\nsymbols = 5\n[limits]\nmessages_per_s = 7\n"
        '[openalgo]\nenv_file = "oa/.env"\n'
        '[jwt]\nsecret = "env:S"\n',
        {"S": "s" * 32, "OPENALGO_STREAM_LIMITS_MESSAGE_BURST": "9"},
    )
    paths = StatePaths(tmp_path / "state")
    managed = processes(loaded, Vault(loaded), paths, seeded)
    told = next(one for one in managed if one.role == "proxy")._settings().access
    assert told.roles["small"].symbols == 5
    assert (told.limits.messages_per_s, told.limits.message_burst) == (7, 9)
    assert told.openalgo.pepper.reveal() == PEPPER
    assert told.jwt.secret.reveal() == "s" * 32
