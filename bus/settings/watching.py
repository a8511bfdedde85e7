"""`[console]` and `[metrics]`: what people and Prometheus look at."""

from __future__ import annotations

from msgspec import Struct

from bus.access import AccessSettings
from bus.secret import Secret
from bus.settings.common import Port, PositiveSeconds


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
