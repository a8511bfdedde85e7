"""`[proxy]`, `[routing]` and `[tap]`: what clients are served by."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bus.access import AccessSettings
from bus.settings.adapters import MarketSettings
from bus.settings.common import AdapterEntry, Port, Positive, PositiveSeconds, TakeOver


class ProxySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[proxy]`: the WebSocket server."""

    host: str = "127.0.0.1"
    port: Port = 8765
    #: Seconds that a client may stay unauthenticated before close code 4401.
    auth_grace_s: PositiveSeconds = 15.0
    ping_interval_s: PositiveSeconds = 20.0
    ping_timeout_s: PositiveSeconds = 20.0
    #: Client frames that may wait to be handled, per client.
    max_queue: Positive = 1024
    #: Largest client frame in bytes; a larger one closes with 1009.
    max_message_bytes: Positive = 1 << 20
    #: Past so many waiting bytes, or when the oldest waits for so long, a client gets the
    #: latest value per topic in place of every tick, until it keeps up again.
    conflate_above_bytes: Positive = 1 << 20
    conflate_after_s: PositiveSeconds = 2.0
    #: Seconds that such a client may go without emptying its buffer before it is closed
    #: with 4008.
    stall_timeout_s: PositiveSeconds = 30.0
    #: Bytes that may wait for one client before it is closed with 4008 at once.
    max_backlog_bytes: Positive = 16 << 20
    #: Seconds within which ticks in quick succession go out in one write per client, at the most.
    gather_s: Annotated[float, Meta(ge=0, le=0.1)] = 0.0
    #: Exchange of a symbol that names none.
    default_exchange: str = "NSE"
    #: What `get_supported_brokers` answers; the configured adapters' brokers when empty.
    brokers: list[str] = []
    #: PEM files of the certificate chain and its key: then it is `wss://`. Looked at every
    #: second, loaded again when they change.
    tls_certificate: str = ""
    tls_key: str = ""
    #: Pages whose browsers may connect, `https://NAME[:PORT]`; those of loopback always may.
    origins: list[str] = []
    #: Names under which clients may address us; addresses, loopback and `origins` always do.
    hosts: list[str] = []
    #: Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: list[str] = []
    #: Said in words: listen for other machines without TLS, keys and prices in clear text.
    allow_insecure_remote: bool = False
    #: Processes that share the port and the clients; more than one is not for Windows.
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    #: Seconds over which a restart spreads the end of connections that cannot move (TLS).
    drain_s: Annotated[float, Meta(ge=0)] = 10.0
    #: What `GET /api/websocket/config` tells browsers to connect to; the address served when
    #: empty.
    public_url: str = ""
    #: The file by which OpenAlgo's health page learns that a proxy lives; that of the install
    #: of `[openalgo] env_file` when empty, none when `off`.
    stats_file: str = ""


class FailoverSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long is waited before another adapter feeds a symbol, and before it goes back."""

    #: Seconds that an adapter may be down, or silent to a demand.
    deadline_s: PositiveSeconds = 1.0
    #: Seconds without a tick, at least, before a feed is doubted in trading hours.
    stale_s: PositiveSeconds = 5.0
    #: Seconds that a better adapter must have been good before it gets a symbol back.
    return_after_s: PositiveSeconds = 30.0
    #: Ask the next adapter for every symbol in advance.
    warm: bool = False


class RoutingSettings(FailoverSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[routing]`: which adapters feed a symbol, the first that can. Lists of adapters' names."""

    #: For what no other rule names; the first configured adapter alone when empty.
    default: list[str] = []
    #: By exchange: `MCX = ["dhan", "zerodha"]`.
    exchanges: dict[str, list[str]] = {}
    #: By symbol, `"NSE:RELIANCE"`, or by pattern, `"NFO:BANKNIFTY*"`; the first that fits.
    symbols: dict[str, list[str]] = {}
    #: Whether a client that names a broker gets the others, too, when that one fails.
    pinned_fail_over: bool = False


class ProxyBootstrap(Struct, frozen=True, kw_only=True):
    """What the proxy's process is told: its section of the file, and what is around it."""

    proxy: ProxySettings
    #: In the order of preference; the first one feeds what nothing else decides.
    adapters: list[AdapterEntry]
    #: The SQLite file of the API keys.
    keys_path: str
    #: Where OpenAlgo's health page looks for the proxy's figures; not written when empty.
    stats_path: str = ""
    #: Roles, limits, and who else knows users.
    access: AccessSettings = AccessSettings()
    routing: RoutingSettings = RoutingSettings()
    market: MarketSettings = MarketSettings()
    #: Only while an older generation lives.
    takeover: TakeOver | None = None


class TapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tap]`: a ZeroMQ PUB with `[topic, json]` for consumers of OpenAlgo's own feed."""

    enabled: bool = False
    host: str = "127.0.0.1"
    #: 0: the kernel chooses.
    port: Port = 5555
    topics: Literal["EXCHANGE_SYMBOL_MODE", "BROKER_EXCHANGE_SYMBOL_MODE"] = "EXCHANGE_SYMBOL_MODE"
