"""The generated file, the lines of its keys, the schema as people and editors read it."""

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.secret import Secret
from supervisor.config import load
from supervisor.config.blank import Account, blank
from supervisor.config.fields import sections, toml, toml_key
from supervisor.config.json_schema import json_schema
from supervisor.config.origins import effective
from supervisor.config.schema import NAMED_SECTIONS, Config
from supervisor.config.where import line_of, lines_of
from supervisor.errors import ConfigError

ZERODHA = Account("zerodha", ("api_key", "access_token"))


def uncommented(text):
    """The file with every key that it shows switched on."""
    lines = []
    for line in text.splitlines():
        shown = line.startswith("# ") and not line.startswith("#  ") and " = " in line
        shown |= line.startswith("# [") and line.endswith("]")
        lines.append(line.removeprefix("# ") if shown else line)
    return tomllib.loads("\n".join(lines).replace(".NAME]", ".name]"))


def test_the_generated_file_shows_every_key_of_the_schema_with_its_default():
    table = uncommented(blank([]))
    text = blank([])
    for field in msgspec.structs.fields(Config):
        kind = NAMED_SECTIONS.get(field.name, field.type)
        shown = table[field.name]["name"] if field.name in NAMED_SECTIONS else table[field.name]
        blank_section = kind()
        for key in msgspec.structs.fields(kind):
            default = getattr(blank_section, key.name)
            if default is None:
                assert f"\n# {key.name} =\n" in text
                continue
            expected = default.reveal() if isinstance(default, Secret) else default
            assert shown[key.name] == expected, (field.name, key.name)


def test_the_generated_file_is_the_defaults_and_what_was_asked_for(tmp_path):
    file = tmp_path / "new.toml"
    file.write_text(blank([ZERODHA, Account("dhan", ("client_id", "access_token"))]))
    secrets = {"ZERODHA_API_KEY": "zk", "ZERODHA_ACCESS_TOKEN": "zt"}
    secrets |= {"DHAN_CLIENT_ID": "dc", "DHAN_ACCESS_TOKEN": "dt"}
    settings = load(file, secrets)
    assert settings.adapters["zerodha"].credentials["access_token"].reveal() == "zt"
    assert settings.adapters["dhan"].credentials["client_id"].reveal() == "dc"
    assert settings.proxy == Config().proxy
    assert settings.sandbox == Config().sandbox


def test_every_key_has_a_comment_of_its_own_or_shares_one():
    for section in sections():
        keys = [field.key for field in section.fields]
        assert keys, section.name
        assert all(field.allowed != "anything" for field in section.fields), section.name


# --- lines ----------------------------------------------------------------------------------

names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True) | st.from_regex(
    r"[A-Z]{3}:[A-Z*]{1,6}", fullmatch=True
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
scalars = st.integers(-5, 5) | st.booleans() | texts | st.lists(texts, max_size=3)


@st.composite
def files(draw):
    """TOML, and the line of each of its keys."""
    lines, where = [], {}
    for table in draw(st.lists(names, unique=True, max_size=4)):
        lines.append(f"[{toml_key(table)}]  # about [x] = 1")
        where[toml_key(table)] = len(lines)
        for key in draw(st.lists(names, unique=True, max_size=4)):
            dotted = f"{toml_key(table)}.{toml_key(key)}"
            value = draw(scalars)
            where[dotted] = len(lines) + 1
            if isinstance(value, list):
                inner = [f"  {toml(one)},  # [" for one in value]
                lines += [f"{toml_key(key)} = [", *inner, "]"]
            elif draw(st.booleans()) and isinstance(value, str):
                lines += [f'{toml_key(key)} = """', "[no.table]", "no = 'key'", '"""']
            else:
                lines.append(f"  {toml_key(key)}={toml(value)} # {draw(st.sampled_from('[x'))}")
    return "\n".join(lines) + "\n", where


@given(files())
def test_every_key_is_found_on_its_line(made):
    text, where = made
    tomllib.loads(text)  # what is generated is TOML
    assert lines_of(text) == where


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text):
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


def test_a_problem_is_on_the_line_of_the_nearest_table_around_it():
    lines = lines_of("[adapters.a]\ncredentials = { k = 'x' }\n[adapters.ab]\nurl = ''\n")
    assert line_of("adapters.a.credentials.k: not set", lines) == 2
    assert line_of("adapters.ab.url: no", lines) == 4
    assert line_of("adapters.ab.broker: none", lines) == 3
    assert line_of("adapters: there is none", lines) is None


def test_all_problems_are_told_with_file_line_and_what_is_allowed(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[proxy]\nport = 99999\nworkers = 'two'\n[recorder]\nmode = 'ALL'\n")
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    first, second = raised.value.problems
    assert first.startswith(f"{file}:2: proxy.port: expected `int` <= 65535; it is a whole number")
    assert second.startswith(f"{file}:5: recorder.mode: invalid enum value 'ALL'; it is one of ")
    assert '"DEPTH"' in second


# --- from where -----------------------------------------------------------------------------


def test_every_value_says_from_where_it_comes(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        "[adapters.zerodha]\n"
        'credentials = { api_key = "env:KEY", access_token = "in the file" }\n'
        "[proxy]\nport = 9000\n"
    )
    environ = {"KEY": "from the environment", "OPENALGO_STREAM_LIMITS_MESSAGE_BURST": "9"}
    environ |= {"WS_MAX_QUEUE": "77", "MAX_WEBSOCKET_CONNECTIONS": "2"}
    told = {one.key: one for one in effective(file, environ)}

    def of(key):
        one = told[key]
        return one.value, one.kind, one.line, one.source

    assert of("proxy.port") == (9000, "file", 4, "")
    assert of("proxy.host") == ("127.0.0.1", "default", None, "")
    assert of("proxy.max_queue") == (77, "environment", None, "WS_MAX_QUEUE")
    assert of("limits.message_burst") == (
        9, "environment", None, "OPENALGO_STREAM_LIMITS_MESSAGE_BURST",
    )  # fmt: skip
    assert of("adapters.zerodha.connections")[1:] == (
        "environment", None, "MAX_WEBSOCKET_CONNECTIONS",
    )  # fmt: skip
    assert of("adapters.zerodha.broker") == ("zerodha", "derived", None, "")
    assert of("adapters.zerodha.credentials.api_key")[1:] == ("file", 2, "env:KEY")
    assert of("adapters.zerodha.credentials.access_token")[1:] == ("file", 2, "")
    assert "in the file" not in repr(told)
    assert "from the environment" not in repr(told)


def test_secrets_of_free_tables_are_hidden_by_their_names(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        "[adapters.far]\nbroker = 'replay'\noptions = { path = 'x', auth_token = 'SECRET-1' }\n"
        "[simulators.m]\nbroker = 'zerodha'\napi_key = 'SECRET-2'\n"
        "[proxy]\npublic_url = 'wss://me:SECRET-3@example.com/ws'\n"
    )
    told = effective(file, {})
    assert "SECRET" not in repr(told)
    assert "SECRET" not in "".join(toml(one.value) for one in told if one.value is not None)


# --- for editors ----------------------------------------------------------------------------


def test_the_json_schema_has_every_key_and_what_it_may_be():
    schema = json_schema()["properties"]
    for section in sections():
        table = schema[section.name]
        table = table["additionalProperties"] if section.named else table
        assert list(table["properties"]) == [field.key for field in section.fields]
        assert table["additionalProperties"] is False
    port = schema["proxy"]["properties"]["port"]
    assert (port["type"], port["minimum"], port["maximum"]) == ("integer", 0, 65535)
    assert schema["recorder"]["properties"]["mode"]["enum"] == ["DEPTH", "LTP", "QUOTE"]
    holidays = schema["market"]["properties"]["holidays"]
    assert holidays["items"] == {"type": "string", "format": "date"}
