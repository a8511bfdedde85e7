"""`[nats]` and the options of a reader: every mistake is named before anything starts."""

import pytest

from adapters.errors import OptionsError
from adapters.registry import find_any
from supervisor.config import load
from supervisor.consumers import CONSUMERS
from supervisor.errors import ConfigError
from supervisor.instance.paths import StatePaths

ADAPTER = "[adapters.zerodha]\ncredentials = { api_key = 'k', access_token = 't' }\n"


def loaded(tmp_path, text, **environ):
    path = tmp_path / "openalgo-stream.toml"
    path.write_text(ADAPTER + text)
    return load(path, environ)


def test_secrets_and_files_are_found_and_secrets_are_never_shown(tmp_path):
    (tmp_path / "ca.pem").write_text("a certificate")
    (tmp_path / "home.creds").write_text("the credentials\n")
    config = loaded(
        tmp_path,
        "[nats]\nenabled = true\ncreds = 'file:home.creds'\npassword = 'env:PW'\n"
        "ca_file = 'ca.pem'\n[nats.mirrors.MD_DELHI]\ncluster = 'delhi'\nreplicas = 3\n",
        PW="s3cret",
    )
    assert config.nats.creds.reveal() == "the credentials"
    assert config.nats.password.reveal() == "s3cret"
    assert config.nats.ca_file == str(tmp_path / "ca.pem")
    assert config.nats.mirrors["MD_DELHI"].replicas == 3
    assert "s3cret" not in repr(config)
    bridge = next(consumer for consumer in CONSUMERS if consumer.role == "bridge")
    paths = StatePaths(tmp_path)
    assert bridge.settings(config, paths, "") == config.nats
    assert bridge.settings(loaded(tmp_path, ""), paths, "") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("servers = []", "nats.servers: name one"),
        ("adapters = ['dhan']", r"nats.adapters: no \[adapters.dhan\]"),
        ("symbols = ['RELIANCE']", "nats.symbols: 'RELIANCE' is not EXCHANGE:SYMBOL"),
        ("prefix = 'a b'", "nats.prefix"),
        ("stream = 'a.b'", "nats.stream"),
        ("replicas = 6", "nats.replicas"),
        ("certificate_file = 'openalgo-stream.toml'", "nats.key_file: a certificate needs"),
        ("ca_file = 'nowhere.pem'", "nats.ca_file: .*nowhere.pem cannot be read"),
        ("token = 'env:NOT_SET'", "nats.token: the environment variable NOT_SET is not set"),
        ("max_age_s = 10", "nats.dedupe_s: NATS wants it no longer"),
        ("[nats.mirrors.MD]", "nats.mirrors.MD: a stream's name, and another"),
        ("[nats.mirrors.X]\ndomain = 'delhi'", "nats.mirrors.X.domain: needs nats.domain"),
        ("[nats.mirrors.X]\ncountry = 'in'", "unknown field `country`"),
        ("streem = 'MD'", "nats.streem: unknown key; did you mean 'stream'"),
    ],
)
def test_each_mistake_is_named(tmp_path, text, told):
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, f"[nats]\nenabled = true\n{text}\n")
    assert error.match(told)


def test_options_of_a_reader_are_checked():
    source = find_any("nats")
    assert source.read({"adapter": "zerodha"}).is_live
    assert not source.is_lossless(source.read({"adapter": "zerodha"}))
    past = source.read({"adapter": "zerodha", "to": "2026-11-20T15:30:00"})
    assert source.is_lossless(past)
    for options, told in (
        ({}, "missing required field `adapter`"),
        ({"adapter": "zerodha", "pace": "slow"}, r"options\.pace"),
        ({"adapter": "zerodha", "password": "x"}, "unknown field `password`"),
    ):
        with pytest.raises(OptionsError, match=told):
            source.read(options)
