"""Settings about who may use the runtime, and how much of it: roles, limits, other authorities.

Sections of the configuration file like those in `bus/settings`; the proxy gets them all in
one `AccessSettings`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from bus.secret import Secret

Count: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
ModeName: TypeAlias = Literal["LTP", "QUOTE", "DEPTH"]

DEFAULT_ROLE: Final = "trader"


class RoleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[roles.NAME]`: what keys of this role may. An empty list means all."""

    adapters: list[str] = []
    exchanges: list[str] = []
    modes: list[ModeName] = []
    #: Subscriptions (an instrument in one mode) that one connection may hold.
    symbols: Count = 5000
    #: Connections that one key may have at a time, per proxy process.
    connections: Count = 64
    #: Whether the user's own order updates may be had.
    orders: bool = False
    #: Whether the runtime may be administered: restarts and logs in the console.
    admin: bool = False


#: Roles that are there without being configured; a section of that name replaces one.
BUILT_IN_ROLES: Final[dict[str, RoleSettings]] = {
    "trader": RoleSettings(orders=True),
    "viewer": RoleSettings(),
    "admin": RoleSettings(orders=True, admin=True),
}


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: what one client, or one address, may cost. Addresses are IPv4 or IPv6 /64."""

    #: Connections from one address at a time.
    connections_per_address: Count = 256
    #: WebSocket handshakes from one address per minute, and at once.
    handshakes_per_minute: Count = 600
    #: Connections that have not logged in yet, in all; the oldest makes room for the next.
    unauthenticated: Count = 128
    #: Seconds for TLS and for the WebSocket handshake, each.
    open_timeout_s: Seconds = 5.0
    #: Messages from one client per second in the long run, and in one burst.
    messages_per_s: Seconds = 100.0
    message_burst: Count = 5000
    #: Bytes of pongs and replies that may wait for a client that sends and never reads.
    max_unread_bytes: Count = 4 << 20
    #: Failed logins from one address that are answered at once; then each waits twice as long
    #: as the one before.
    free_failed_logins: Count = 5
    failed_login_delay_s: Seconds = 0.25
    failed_login_delay_max_s: Seconds = 4.0
    #: Failed logins are forgotten when none followed for so long, in seconds.
    failed_login_memory_s: Seconds = 600.0


class OpenAlgoSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[openalgo]`: an OpenAlgo install whose users, keys and logins hold here too."""

    #: Its `.env`, which tells all that is left out below.
    env_file: str = ""
    #: Its SQLite database; read, never written.
    database: str = ""
    #: API_KEY_PEPPER and FERNET_SALT of that install.
    pepper: Secret = Secret("")
    fernet_salt: Secret = Secret("")
    #: BROKER_API_KEY of that install, the key of the broker's app.
    broker_api_key: Secret = Secret("")
    #: Role of its users here.
    role: str = DEFAULT_ROLE
    #: Seconds between looks at the database.
    poll_s: Seconds = 0.5
    #: Where its processes publish session changes, `tcp://HOST:PORT`; bound, empty for not.
    bus: str = ""
    #: Argon2 verifications at a time (120 ms and 64 MiB each), and how many may wait.
    argon2_threads: Count = 1
    argon2_queue: Count = 32
    #: Keys remembered as good and as bad, and for how many seconds.
    cached_keys: Count = 1024
    good_key_ttl_s: Seconds = 36000.0
    bad_key_ttl_s: Seconds = 300.0


class JwtSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[jwt]`: tokens of somebody else's login server."""

    #: The secret of HS256 tokens, 32 bytes at least; `env:VAR` or `file:PATH`.
    secret: Secret = Secret("")
    #: A JWKS file with public keys for RS256 and EdDSA tokens; read again when it changes.
    jwks: str = ""
    #: Demanded of `iss` and `aud` when given.
    issuer: str = ""
    audience: str = ""
    #: The claims that hold the user's name and the role, and the role of tokens without.
    user_claim: str = "sub"
    role_claim: str = "role"
    role: str = "viewer"
    #: Seconds that clocks may differ.
    leeway_s: Annotated[int, Meta(ge=0, le=300)] = 30


class AccessSettings(Struct, frozen=True, kw_only=True):
    """All of the above, as the proxy is told it."""

    roles: dict[str, RoleSettings] = {}
    limits: LimitSettings = LimitSettings()
    openalgo: OpenAlgoSettings = OpenAlgoSettings()
    jwt: JwtSettings = JwtSettings()
