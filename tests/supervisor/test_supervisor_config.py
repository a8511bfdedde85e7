import pytest

from supervisor import config
from supervisor.errors import ConfigError, UserError


@pytest.fixture
def load(tmp_path):
    def load(text, environ=None):
        file = tmp_path / "openalgo-stream.toml"
        file.write_text(text)
        return config.load(file, environ or {})

    return load


def problems(load, text, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(text, environ)
    return str(caught.value).splitlines()


def test_a_small_file_is_enough(load, tmp_path):
    loaded = load('[adapters.zerodha]\ncredentials = {api_key = "k", access_token = "t"}\n')
    assert loaded.adapters["zerodha"].broker == "zerodha"
    assert loaded.adapters["zerodha"].credentials["api_key"].reveal() == "k"
    assert loaded.proxy.port == 8765
    assert loaded.state == tmp_path / ".openalgo-stream" / "openalgo-stream"


def test_credentials_come_from_the_environment_and_from_files(load, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    loaded = load(
        '[adapters.z]\nbroker = "zerodha"\n'
        'credentials = {api_key = "env:KITE_KEY", access_token = "file:token"}\n',
        {"KITE_KEY": "from-env"},
    )
    values = {key: v.reveal() for key, v in loaded.adapters["z"].credentials.items()}
    assert values == {"api_key": "from-env", "access_token": "from-file"}


def test_all_problems_are_told_at_once_each_with_file_key_and_remedy(load, tmp_path):
    file = tmp_path / "openalgo-stream.toml"
    told = problems(
        load, "[proxi]\nport = 1\n[proxy]\nprot = 3\n[adapters.zerodha]\ncredential = {}\n"
    )
    assert told == [
        f"{file}:1: proxi: unknown key; did you mean 'proxy'?",
        f"{file}:4: proxy.prot: unknown key; did you mean 'port'?",
        f"{file}:6: adapters.zerodha.credential: unknown key; did you mean 'credentials'?",
    ]


def test_wrong_types_are_told_with_their_key(load):
    told = problems(
        load, '[proxy]\nport = "8765"\n[adapters.a]\nconnections = 0\n[adapters.b]\nurl = 3\n'
    )
    assert [line.split(": ", 1)[1] for line in told] == [
        "proxy.port: expected `int`, got `str`; it is a whole number from 0 to 65535",
        "adapters.a.connections: expected `int` >= 1; it is a whole number, 1 or more",
        "adapters.b.url: expected `str`, got `int`; it is text",
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[adapters.z]\ncredentials = {a = "env:NOPE"}', "variable NOPE is not set; export it"),
        ('[adapters.z]\ncredentials = {a = "file:nope"}', "nope cannot be read: No such file"),
        ('[adapters.z]\ninstruments = "nope.csv"', "adapters.z.instruments: "),
        ('[adapters.z]\nurl = "simulator:x"', "no [simulators.x] in this file"),
        ("[adapters.proxy]", "adapters.proxy: this name is taken"),
        ("[adapters.'Zerodha']", "lower-case"),
        ("[adapters.a-b]\n[adapters.a_b]", "reads the same as adapters.a-b"),
        ("[simulators.z]\n[adapters.z]", "an adapter has this name"),
        ('[proxy]\nhost = "0.0.0.0"', "reachable from other machines"),
        ("adapters = 3", "adapters: must be tables"),
        ("[adapters]\nz = 3", "adapters.z: must be a table"),
        ("proxy = 3", "proxy: expected"),
    ],
)
def test_what_cannot_work_is_refused(load, text, part):
    assert part in "\n".join(problems(load, text))


def test_a_secret_is_never_part_of_an_error(load):
    told = problems(load, '[adapters.z]\ncredentials = {a = "s3cr3t", b = 4711}\nnope = 1')
    assert not any("s3cr3t" in line for line in told)


def test_a_broken_file_is_named_with_the_line(load):
    with pytest.raises(UserError, match=r"openalgo-stream.toml: not TOML: .*line 2"):
        load("[proxy]\nport = \n")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        config.load(tmp_path / "nope.toml", {})


def test_the_environment_fills_what_the_file_leaves_out(load):
    environ = {
        "WEBSOCKET_PORT": "'9001'",
        "WS_AUTH_GRACE_SECONDS": "7",
        "VALID_BROKERS": "zerodha, angel",
        "MAX_SYMBOLS_PER_WEBSOCKET": "500",
        "OPENALGO_STREAM_PROXY_PING_INTERVAL_S": "11.5",
        "OPENALGO_STREAM_CONFIG": "ignored here",
    }
    loaded = load("[adapters.zerodha]\n", environ)
    assert loaded.proxy.port == 9001
    assert loaded.proxy.auth_grace_s == 7
    assert loaded.proxy.brokers == ["zerodha", "angel"]
    assert loaded.proxy.ping_interval_s == 11.5
    assert loaded.adapters["zerodha"].symbols_per_connection == 500


def test_the_file_decides_where_both_speak(load):
    loaded = load("[proxy]\nport = 9100\n", {"WEBSOCKET_PORT": "9001"})
    assert loaded.proxy.port == 9100


def test_the_state_directory_is_found_without_the_credentials(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(
        '[paths]\nstate = "here"\n[adapters.z]\ncredentials = {a = "env:NOT_EXPORTED"}\n'
    )
    assert config.state_directory(file) == tmp_path / "here"
    file.write_text("")
    assert config.state_directory(file) == tmp_path / ".openalgo-stream" / "a"


def test_the_file_is_the_option_else_the_variable_else_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENALGO_STREAM_CONFIG", raising=False)
    assert config.find(None) is None
    (tmp_path / "openalgo-stream.toml").touch()
    assert config.find(None) == tmp_path / "openalgo-stream.toml"
    assert config.find(None, look_here=False) is None
    monkeypatch.setenv("OPENALGO_STREAM_CONFIG", "/etc/a.toml")
    assert str(config.find(None)) == "/etc/a.toml"
    assert str(config.find("/etc/b.toml")) == "/etc/b.toml"
