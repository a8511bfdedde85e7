"""Fyers: three sockets, each with a protocol of its own.

* `hsm`: prices and books of five levels, binary, whole at first and then only what changed
* `tbt`: books of 50 levels of NSE's shares and derivatives, protobuf
* `orders`: the account's orders, JSON

Sources: fyers-apiv3 3.2.0 and its help pages; OpenAlgo for pool sizes and dead feeds. With a
`url` in the configuration all three are looked for there, under Fyers' own paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.broker import Broker, MasterSource, OpenAlgoLogin, Pace, Stream
from adapters.brokers.fyers.account import keys
from adapters.brokers.fyers.hsm import Hsm
from adapters.brokers.fyers.master import openalgo_token, read_master
from adapters.brokers.fyers.orders import Orders
from adapters.brokers.fyers.tbt import LEVELS, Tbt
from adapters.codec import Account, Codec
from bus.topics import Mode

MASTER_URL: Final = "https://public.fyers.in/sym_details"
#: In OpenAlgo's order; those of currencies and commodities are complete as JSON only.
MASTERS: Final = (
    *("NSE_CM.csv", "BSE_CM.csv", "BSE_FO.csv", "NSE_FO.csv"),
    *("NSE_CD_sym_master.json", "MCX_COM_sym_master.json"),
)
HSM, TBT, ORDERS = "hsm", "tbt", "orders"

_CODECS: Final[dict[str, type[Codec]]] = {HSM: Hsm, TBT: Tbt, ORDERS: Orders}


def _codec(account: Account, stream: str) -> Codec:
    return _CODECS[stream](account, stream)


def _masters(_: Account) -> tuple[MasterSource, ...]:
    return tuple(MasterSource(url=f"{MASTER_URL}/{name}") for name in MASTERS)


def _openalgo_login(login: OpenAlgoLogin) -> Mapping[str, str]:
    """OpenAlgo keeps the token; sockets want `APPID:TOKEN`, and the id is the app's key."""
    whole = ":" in login.auth
    return {"access_token": login.auth if whole else f"{login.api_key}:{login.auth}"}


BROKER: Final = Broker(
    name="fyers",
    title="Fyers",
    credentials=("access_token",),
    exchanges=("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NSE_INDEX", "BSE_INDEX"),
    streams=(
        Stream(
            name=HSM,
            # 5,000 topics, of which an instrument in mode DEPTH has two.
            symbols_per_connection=2500,
            connections=3,
            # The SDK puts at most 1,500 topics into a message.
            batch=500,
            # The SDK waits half a second before each.
            pace=Pace(per_second=2.0, burst=4),
            ping_s=10.0,
            # Nobody says that the server answers its ping; it does answer WebSocket's.
            silence_s=None,
            login_reply_s=10.0,
        ),
        Stream(
            name=TBT,
            symbols_per_connection=5,
            connections=3,
            batch=5,
            modes=(Mode.DEPTH,),
            exchanges=("NSE", "NFO"),
            depth_levels=LEVELS,
            book_only=True,
            pace=Pace(per_second=2.0, burst=4),
            ping_s=10.0,
        ),
        Stream(
            name=ORDERS,
            purpose="orders",
            symbols_per_connection=0,
            connections=1,
            modes=(),
            pace=Pace(per_second=2.0, burst=4),
            ping_s=10.0,
        ),
    ),
    # One source: up to three sockets of a kind at a time, none of which disturbs another.
    may_overlap=True,
    partial_ticks=True,
    codec=_codec,
    master_reader=read_master,
    masters=_masters,
    openalgo_token=openalgo_token,
    openalgo_login=_openalgo_login,
    keys_of=keys,
)
