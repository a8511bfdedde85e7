"""Credentials in what libraries and brokers say: hidden; ordinary words: left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.logs.redaction import redact, redacted

VALUE = "pl4nted-Value"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"GET wss://ws.example/?api_key={VALUE}&access_token={VALUE} failed",
        f'{{"apikey": "{VALUE}", "symbol": "TCS"}}',
        f"{{'feedToken': '{VALUE}'}}",
        f"Authorization: token {VALUE}:{VALUE}",
        f"authorization: Bearer {VALUE}",
        f"sent Bearer {VALUE}",
        f"password='{VALUE}'",
        f"totp={VALUE}, pin={VALUE}",
        f"client_secret={VALUE}",
        f"FERNET_SALT={VALUE}",
        f"API_KEY_PEPPER='{VALUE}'",
        f"jwt_secret = {VALUE}",
    ],
)
def test_what_looks_like_a_credential_is_hidden(text):
    assert VALUE not in redacted(text)
    assert "***" in redacted(text)


def test_tokens_are_known_by_their_looks():
    text = f"a {JWT} b ticket.abcdefghijklmnop-qrstuv c gAAAA{'B' * 60}== d"
    assert redacted(text) == "a *** b *** c *** d"


@pytest.mark.parametrize(
    "text",
    [
        "no token: alice is not logged in",
        "the broker refuses the access token",
        "new credentials are not used: no api_key and access_token",
        "NSE:TCS is subscribed in mode QUOTE",
        "keys: 3, secrets: 4",
        "bearer tokens are refused",
        "set [metrics] token, which scrapers bring",
    ],
)
def test_ordinary_words_are_left_alone(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    "name", ["api_key", "apikey", "accessToken", "feed_token", "password", "Authorization",
             "jwt", "secret", "client_secret", "fernet_salt", "totp", "pin"],
)  # fmt: skip
def test_values_under_names_of_credentials_are_hidden_at_any_depth(name):
    event = {"event": "x", name: VALUE, "more": {name: VALUE, "list": [{name: VALUE}]}}
    found = redact(None, "", event)
    assert VALUE not in str(found)
    assert found["event"] == "x"


def test_figures_stay_figures():
    assert redact(None, "", {"generation": 3, "ok": True, "a": None, "b": 1.5}) == {
        "generation": 3, "ok": True, "a": None, "b": 1.5,
    }  # fmt: skip


@given(st.text(), st.text(alphabet="abcdefghij0123456789", min_size=1, max_size=40))
def test_nothing_that_follows_a_name_is_ever_let_through(text, value):
    shown = redacted(f"{text} access_token={value} {text}")
    assert f"access_token={value}" not in shown
