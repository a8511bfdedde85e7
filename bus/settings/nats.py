"""`[nats]`: the bus beyond one machine."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from bus.secret import Secret
from bus.settings.common import Positive, PositiveSeconds


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
