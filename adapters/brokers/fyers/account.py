"""What Fyers' three sockets need to know of an account and of an instrument.

The credential `access_token` is `APPID:JWT`, as Fyers' own tools store it. The sockets for
deep books and orders take it whole, in a header; the price socket takes only the `hsm_key` that
the JWT carries. A JWT ends every morning; the codec has no clock, so it is the broker that says.

An instrument of the master is `SEGMENT|NAME|TICKER`: the price socket calls it by segment and
name (`nse_cm|2885`; an index by its words, `nse_cm|Nifty 50`), the socket for deep books by
ticker (`NSE:RELIANCE-EQ`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from adapters.codec import Account, Key
from adapters.errors import BrokerError, Verdict

#: The first four digits of a fytoken: the price socket's segment and OpenAlgo's exchange.
SEGMENTS: Final = {
    "1010": ("nse_cm", "NSE"),
    "1011": ("nse_fo", "NFO"),
    "1012": ("cde_fo", "CDS"),
    "1120": ("mcx_fo", "MCX"),
    "1210": ("bse_cm", "BSE"),
    "1211": ("bse_fo", "BFO"),
    "1212": ("bcs_fo", "BCD"),
}
_EXCHANGE_TOKEN_AT: Final = 10
_INDEX_MARK: Final = "-INDEX"


class _Claims(Struct):
    hsm_key: str


def authorization(account: Account) -> str:
    """The header that the sockets for deep books and orders want.

    Raises:
        BrokerError: the access token is not `APPID:JWT`.
    """
    token = account.reveal("access_token")
    if ":" not in token:
        raise _unusable("it is not APPID:TOKEN")
    return token


def hsm_key(account: Account) -> bytes:
    """The credential of the price socket.

    Raises:
        BrokerError: the access token does not carry one.
    """
    token = account.reveal("access_token").rpartition(":")[2]
    try:
        _, claims, _ = token.split(".")
        # Base64 of a JWT has no padding; too much of it is ignored.
        payload = base64.urlsafe_b64decode(f"{claims}===")
        key = msgspec.json.decode(payload, type=_Claims).hsm_key.encode("ascii")
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        # The cause would quote the token.
        raise _unusable("it carries no hsm_key; make a new one") from None
    if not 0 < len(key) < 2**16 - 64:
        raise _unusable("its hsm_key has no usable length")
    return key


def _unusable(reason: str) -> BrokerError:
    return BrokerError("bad_token", f"access_token: {reason}", Verdict.NEEDS_TOKEN)


def token(segment: str, name: str, ticker: str) -> str:
    """The token of an instrument in the master."""
    return f"{segment}|{name}|{ticker}"


def token_of(fytoken: str, ticker: str) -> str:
    """The token of what trades, by Fyers' number and ticker; empty: no known segment."""
    segment, _ = SEGMENTS.get(fytoken[:4], ("", ""))
    name = fytoken[_EXCHANGE_TOKEN_AT:]
    return token(segment, name, ticker) if segment and name else ""


def is_index(ticker: str) -> bool:
    return ticker.endswith(_INDEX_MARK)


def ticker(token: str) -> str:
    """Fyers' name of an instrument of the master."""
    return token.rpartition("|")[2]


def price_topic(token: str) -> str:
    """Where the price socket tells an instrument's trades."""
    place, _, name = token.rpartition("|")
    return f"{'if' if is_index(name) else 'sf'}|{place}"


def book_topic(token: str) -> str | None:
    """Where it tells its book; None: an index has none."""
    place, _, name = token.rpartition("|")
    return None if is_index(name) else f"dp|{place}"


def keys(token: str) -> Sequence[Key]:
    """Every key under which ticks of an instrument arrive."""
    book = book_topic(token)
    return (price_topic(token),) if book is None else (price_topic(token), book, ticker(token))
