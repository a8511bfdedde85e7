"""Each process's settings: the same structs are the sections of the configuration file.

A field's docstring line says its unit and default; `docs/configuration.md` is the table for
users.
"""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

from bus.access import AccessSettings
from bus.secret import Secret

Role: TypeAlias = Literal[
    "adapter",
    "proxy",
    "marketdata",
    "simulator",
    "tap",
    "recorder",
    "console",
    "metrics",
    "bridge",
]

Positive: TypeAlias = Annotated[int, Meta(ge=1)]
PositiveSeconds: TypeAlias = Annotated[float, Meta(gt=0)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]


class AdapterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[adapters.NAME]`: one broker account."""

    #: Which broker's protocol; the adapter's name when left out.
    broker: str = ""
    #: Overrides the broker's feed address; `simulator:NAME` is a simulator of this file.
    url: str = ""
    #: What the broker's sheet asks for; each value is literal, `env:VAR` or `file:PATH`.
    credentials: dict[str, Secret] = {}
    #: Path or URL of the instrument master; `simulator:NAME` is that simulator's, and
    #: `openalgo:PATH` the table of an OpenAlgo database.
    instruments: str = ""
    #: Time of day in India at which the master is loaded anew. Zerodha makes its own at 08:30.
    instruments_at: time = time(8, 35)
    #: Instruments per broker connection; the broker's own limit when left out.
    symbols_per_connection: Positive | None = None
    #: Broker connections at most; the broker's own limit when left out.
    connections: Positive | None = None
    #: Megabytes of resident memory beyond which the process is replaced.
    max_rss_mb: Positive | None = None
    #: Keep a second session, connected and subscribed, that takes over at once.
    standby: bool = False
    #: Whether it publishes in shared memory, too; as `[bus]` says when left out.
    shared_memory: bool | None = None
    #: Whether clients are told of the account's orders, where the broker pushes them.
    orders: bool = True
    #: What the broker's own module asks for, beside all this; those of other machines and
    #: recordings do (`adapters.source`).
    options: dict[str, Any] = {}
    #: Whose account it is: only this user is told of its orders. Empty: every user whose role
    #: may have orders and whom this adapter feeds.
    user: str = ""


class BusSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[bus]`: how ticks travel between the processes."""

    #: Whether adapters publish in shared memory, too, for consumers on the same machine. Linux.
    shared_memory: bool = False
    #: MiB of it per adapter: what a reader may fall behind before it loses ticks.
    shared_memory_mib: Annotated[int, Meta(ge=16, le=1024)] = 16


class MarketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[market]`: what is known of the exchanges."""

    #: Days on which they do not trade, beside Saturdays and Sundays.
    holidays: list[date] = []


class AdapterBootstrap(Struct, frozen=True, kw_only=True):
    """What an adapter's process is told: its section of the file, and what is around it."""

    adapter: AdapterSettings
    market: MarketSettings = MarketSettings()
    #: Directory for the instrument master; kept in memory only when empty.
    state: str = ""
    #: MiB of shared memory to publish in; 0: none.
    lane_mib: int = 0


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


class AdapterEntry(Struct, frozen=True):
    """A configured adapter, running or not, the broker whose protocol it speaks, and the user
    whose account it is logged in to, where the configuration says."""

    name: str
    broker: str
    user: str = ""


class TakeOver(Struct, frozen=True):
    """What a new generation of the proxy or of the market-data service is told: it gets its port
    and clients from the old one.

    `path` is a Unix socket on which it awaits the old one, `endpoint` the address served.
    """

    path: str
    endpoint: str


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


class MarketDataSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[marketdata]`: last values, and the HTTP API."""

    host: str = "127.0.0.1"
    #: 0: the kernel chooses.
    port: Port = 8766
    #: Names under which clients may address it; addresses and loopback always do.
    hosts: list[str] = []
    #: Said in words: listen for other machines; keys and prices travel in clear text.
    allow_insecure_remote: bool = False
    #: Forget an instrument that had no tick for this long, in seconds.
    forget_after_s: PositiveSeconds = 86400.0
    #: An instrument without a tick for so long is stale while its exchange trades, in seconds.
    stale_after_s: PositiveSeconds = 30.0
    #: A price further than this from the one before, as a part of it, waits for a second tick
    #: that confirms it; 0: every price is believed.
    max_jump: Annotated[float, Meta(ge=0, le=10)] = 0.2
    #: How long a request for a symbol that nobody subscribes waits for its first tick, in s.
    first_tick_timeout_s: PositiveSeconds = 3.0
    #: How long such a symbol stays subscribed after the last request for it, in seconds.
    hold_s: PositiveSeconds = 60.0
    #: Symbols that requests may hold at a time, in all.
    max_held: Positive = 3000


TradedExchange: TypeAlias = Literal[
    "NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCDEX", "NCO", "CRYPTO"
]
#: A time of day like 15:15, or nothing.
TimeOrNever: TypeAlias = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")]
Leverage: TypeAlias = Annotated[float, Meta(ge=1, le=50)]


class SandboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`: paper trading. Times are of day in India."""

    #: Rupees that an account begins with, and is reset to.
    starting_capital: Annotated[float, Meta(gt=0, le=1e11)] = 10_000_000.0
    #: What margin is divided by.
    leverage_equity_mis: Leverage = 5.0
    leverage_equity_cnc: Leverage = 1.0
    leverage_futures: Leverage = 10.0
    leverage_option_buy: Leverage = 1.0
    leverage_option_sell: Leverage = 1.0
    #: `book`: against bid, ask and their quantities where the feed has them; `ltp`: all at the
    #: last price, as OpenAlgo does.
    fills: Literal["book", "ltp"] = "book"
    #: A price older than this, in seconds, fills nothing.
    max_price_age_s: PositiveSeconds = 60.0
    #: What an OCO of two legs blocks: the larger margin, or both.
    gtt_oco_margin: Literal["max", "sum"] = "max"
    gtt_days: Annotated[int, Meta(ge=1, le=3650)] = 365
    #: By exchange, in place of the usual ones; an empty one: never.
    square_off: dict[TradedExchange, TimeOrNever] = {}
    #: When positions in expired contracts are settled.
    expiry_settlement: Literal["expiry_day_close", "next_day"] = "expiry_day_close"
    #: At the last price, or worthless.
    option_settlement: Literal["ltp", "zero"] = "ltp"
    #: When the day's figures begin anew.
    day_reset: time = time(3, 0)
    #: When all accounts begin anew with the starting capital.
    reset_day: Literal[
        "never", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    ] = "never"
    reset_time: time = time(0, 0)
    #: `normal`: no crash of a process loses anything; `full`: no power failure either, at a
    #: disk write per order.
    synchronous: Literal["normal", "full"] = "normal"


class MarketDataBootstrap(Struct, frozen=True, kw_only=True):
    """What the market-data service's process is told: its sections, and what is around it."""

    marketdata: MarketDataSettings
    market: MarketSettings = MarketSettings()
    #: The SQLite file of the API keys.
    keys_path: str = ""
    #: Roles, limits, and who else knows users.
    access: AccessSettings = AccessSettings()
    #: The instance's state directory.
    state: str = ""
    takeover: TakeOver | None = None
    sandbox: SandboxSettings = SandboxSettings()
    #: Whose instruments can be traded on paper until the bus says who is there, best first.
    adapters: list[str] = []


class TapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tap]`: a ZeroMQ PUB with `[topic, json]` for consumers of OpenAlgo's own feed."""

    enabled: bool = False
    host: str = "127.0.0.1"
    #: 0: the kernel chooses.
    port: Port = 5555
    topics: Literal["EXCHANGE_SYMBOL_MODE", "BROKER_EXCHANGE_SYMBOL_MODE"] = "EXCHANGE_SYMBOL_MODE"


class ConsoleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[console]`: the pages for the browser."""

    enabled: bool = True
    host: str = "127.0.0.1"
    #: 0: the kernel chooses.
    port: Port = 8767
    #: Where browsers find it behind a reverse proxy, `https://NAME[:PORT]`.
    public_url: str = ""
    #: Seconds after which a session without a request ends.
    session_s: PositiveSeconds = 43200.0
    #: Said in words: listen for other machines without TLS, keys and prices in clear text.
    allow_insecure_remote: bool = False


class MetricsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[metrics]`: what Prometheus scrapes."""

    enabled: bool = True
    #: Left out, the console serves them at its address, `/metrics`; else a process of its own
    #: does, at this port (0: the kernel chooses).
    port: Port | None = None
    host: str = "127.0.0.1"
    #: What a scraper has to bring as bearer token; without one only this machine may scrape.
    token: Secret = Secret("")


class MetricsBootstrap(Struct, frozen=True, kw_only=True):
    """What the process that serves metrics alone is told."""

    metrics: MetricsSettings
    #: Names the supervisor's address for requests, which changes with each supervisor.
    run_file: str


class ConsoleBootstrap(Struct, frozen=True, kw_only=True):
    """What the console's process is told: its section of the file, and what is around it."""

    console: ConsoleSettings
    #: Names the supervisor's address for requests, which changes with each supervisor.
    run_file: str
    #: Directories of the logs and of the instrument masters.
    logs: str
    instruments: str
    #: The SQLite file of the API keys.
    keys_path: str
    #: What browsers connect to for ticks; the proxy's own address when empty.
    websocket_url: str = ""
    #: None: metrics are served elsewhere, or nowhere.
    metrics: MetricsSettings | None = None
    access: AccessSettings = AccessSettings()


class SimulatorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[simulators.NAME]` and `simulate BROKER`: a pretend broker on loopback."""

    #: Which broker's wire protocol it speaks; the simulator's name when left out.
    broker: str = ""
    #: 0: the kernel chooses.
    port: Port = 0
    #: Recorded market data to play; a synthetic market when empty.
    data: str = ""
    #: Instrument master that names the instruments of `data`; looked for beside it when empty.
    master: str = ""
    #: What is made up where nothing recorded is played: prices that walk at random, or
    #: `numbered` ticks, of which a client can tell what it missed.
    market: Literal["synthetic", "numbered"] = "synthetic"
    #: Times real time; 0 plays as fast as it goes.
    speed: Annotated[float, Meta(ge=0)] = 1.0
    #: Ticks per second of a made-up market at speed 1.
    rate: PositiveSeconds = 150.0
    loop: bool = False
    seed: int = 0
    #: Orders that the account makes up, each first open, then complete.
    orders_per_minute: Annotated[float, Meta(ge=0)] = 0.0
    #: Day of the synthetic session, YYYY-MM-DD; today when empty. Two runs of one day and
    #: seed are equal to the byte.
    date: str = ""
    #: Accept only this pair; any that is not empty when left out.
    api_key: str = ""
    access_token: str = ""


class RecorderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[recorder]`: what flows on the bus, written to disk."""

    enabled: bool = False
    #: Directory for the segments; `recordings` in the state directory when empty.
    folder: str = ""
    #: Record only these adapters; all when empty.
    adapters: list[str] = []
    #: Instruments, `EXCHANGE:SYMBOL`, that are asked of the adapters whether anybody else wants
    #: them or not, and in which mode. Beside them everything that flows is recorded.
    symbols: list[str] = []
    mode: Literal["LTP", "QUOTE", "DEPTH"] = "DEPTH"
    #: Whether order updates are recorded, too.
    orders: bool = False
    #: A segment ends at so many MiB, and with the day in India.
    segment_mb: Positive = 256
    #: MiB of disk for all segments; the oldest are deleted for new ones.
    budget_mb: Positive = 20480
    #: Seconds between two fsyncs: what a power failure can cost.
    fsync_s: PositiveSeconds = 1.0
    #: MiB that may wait for the disk before ticks are lost to the recording.
    queue_mb: Positive = 128


class NatsReach(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How NATS is reached, and which stream is meant; `[nats]` and the options of an adapter
    that reads a stream."""

    servers: list[str] = field(default_factory=lambda: ["nats://127.0.0.1:4222"])
    #: PEM files: who signs the servers' certificates, and the certificate that they may ask for.
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    stream: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$")] = "MD"
    #: What subjects begin with.
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = "md"
    #: JetStream domain, of a leaf node; the connection's own when empty.
    domain: str = ""


class MirrorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[nats.mirrors.NAME]`: a copy of the stream, kept by NATS, in another place."""

    #: Where it lies: a cluster of a super-cluster, servers with all these tags, or the
    #: JetStream domain of a leaf node.
    cluster: str = ""
    tags: list[str] = []
    domain: str = ""
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1
    #: How long and how much it keeps; as the stream when left out.
    max_age_s: PositiveSeconds | None = None
    max_mb: Positive | None = None


class NatsSettings(NatsReach, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[nats]`: the bridge, which puts the bus into a NATS JetStream stream."""

    enabled: bool = False
    user: str = ""
    password: Secret = Secret("")
    token: Secret = Secret("")
    #: Seed of an nkey; text of a credentials file (`.creds`).
    nkey: Secret = Secret("")
    creds: Secret = Secret("")
    #: Bridge only these adapters; all when empty.
    adapters: list[str] = []
    #: `all` that flows on the bus, or what `symbols` and other sites `demand`.
    flow: Literal["all", "demand"] = "all"
    #: Instruments, `EXCHANGE:SYMBOL`, that are asked of the adapters whether anybody else wants
    #: them or not, and in which mode.
    symbols: list[str] = []
    mode: Literal["LTP", "QUOTE", "DEPTH"] = "DEPTH"
    #: Whether order updates cross, too.
    orders: bool = False
    #: What the stream keeps: seconds, MiB, on how many servers, and where.
    max_age_s: PositiveSeconds = 86400.0
    max_mb: Positive = 4096
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1
    storage: Literal["file", "memory"] = "file"
    #: Seconds in which NATS tells a message's second copy.
    dedupe_s: PositiveSeconds = 30.0
    mirrors: dict[str, MirrorSettings] = {}
    #: Messages on their way to NATS at a time.
    window: Annotated[int, Meta(ge=1, le=16384)] = 1024
    #: MiB that may wait for NATS before the oldest ticks are lost.
    queue_mb: Positive = 128
    #: Seconds after which the demand of a site that says nothing ends.
    lease_s: PositiveSeconds = 60.0
