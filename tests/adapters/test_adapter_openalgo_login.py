"""What each broker makes of a login in OpenAlgo is all that its feed needs."""

import pytest

from adapters.broker import OpenAlgoLogin
from adapters.registry import find

LOGIN = OpenAlgoLogin(auth="token", feed_token="feed", client_code="C1", api_key="app")


@pytest.mark.parametrize(
    ("broker", "login", "credentials"),
    [
        (
            "zerodha",
            LOGIN._replace(auth="key:token:x"),
            {"api_key": "key", "access_token": "token:x"},
        ),
        (
            "angel",
            LOGIN,
            {
                "api_key": "app",
                "access_token": "token",
                "client_code": "C1",
                "feed_token": "feed",
            },
        ),
        (
            "dhan",
            LOGIN._replace(api_key="1100:::app"),
            {"client_id": "1100", "access_token": "token"},
        ),
        ("upstox", LOGIN, {"access_token": "token"}),
        ("nubra", LOGIN, {"access_token": "token"}),
        ("fyers", LOGIN, {"access_token": "app:token"}),
        ("fyers", LOGIN._replace(auth="id:token"), {"access_token": "id:token"}),
    ],
)
def test_a_login_becomes_the_credentials_of_the_feed(broker, login, credentials):
    found = find(broker)
    assert found.openalgo_login(login) == credentials
    assert set(found.credentials) <= credentials.keys()
