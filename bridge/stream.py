"""The stream and its mirrors, as the configuration wants them."""

from __future__ import annotations

import logging
from typing import Final

import nats.errors
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError, NotFoundError, ServerError

from bridge.errors import LinkError, StreamSetupError
from bridge.link import Link, failure
from bridge.stamps import MSG_ID
from bridge.subjects import Subjects
from bus.settings import MirrorSettings, NatsSettings

logger = logging.getLogger(__name__)

_MIB: Final = 1 << 20
_OURS: Final = {"openalgo-stream": "bridge"}


async def ensure(link: Link, settings: NatsSettings) -> None:
    """Create the stream and its mirrors, or make them what the configuration says.

    Raises:
        StreamSetupError: NATS refuses that; says which key to change.
        LinkError: NATS does not answer.
    """
    await _ensure(link.jetstream, stream_config(settings), "nats")
    for name, mirror in settings.mirrors.items():
        where = link.jetstream
        if mirror.domain:
            where = link.client.jetstream(domain=mirror.domain)
        await _ensure(where, mirror_config(name, mirror, settings), f"nats.mirrors.{name}")


def stream_config(settings: NatsSettings) -> api.StreamConfig:
    return api.StreamConfig(
        name=settings.stream,
        subjects=[Subjects(settings.prefix).everything],
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.OLD,
        storage=api.StorageType(settings.storage),
        num_replicas=settings.replicas,
        max_age=settings.max_age_s,
        max_bytes=settings.max_mb * _MIB,
        duplicate_window=settings.dedupe_s,
        metadata=_OURS,
    )


def mirror_config(name: str, mirror: MirrorSettings, settings: NatsSettings) -> api.StreamConfig:
    source = api.StreamSource(name=settings.stream)
    if mirror.domain:
        own = f"$JS.{settings.domain}.API" if settings.domain else api.DEFAULT_PREFIX
        source.external = api.ExternalStream(api=own)
    placement = None
    if mirror.cluster or mirror.tags:
        placement = api.Placement(cluster=mirror.cluster or None, tags=mirror.tags or None)
    return api.StreamConfig(
        name=name,
        mirror=source,
        placement=placement,
        storage=api.StorageType(settings.storage),
        num_replicas=mirror.replicas,
        max_age=mirror.max_age_s or settings.max_age_s,
        max_bytes=(mirror.max_mb or settings.max_mb) * _MIB,
        metadata=_OURS,
    )


async def last(link: Link, stream: str) -> tuple[int, str]:
    """Sequence and id of the stream's last message; the id is empty where there is none.

    Raises:
        LinkError: NATS does not answer.
    """
    try:
        state = (await link.jetstream.stream_info(stream)).state
        if not state.messages:
            return state.last_seq, ""
        try:
            message = await link.jetstream.get_msg(stream, state.last_seq)
        except NotFoundError:  # deleted by somebody
            return state.last_seq, ""
    except (TimeoutError, nats.errors.Error) as error:
        raise failure(error) from None
    return state.last_seq, (message.headers or {}).get(MSG_ID, "")


async def _ensure(jetstream: JetStreamContext, config: api.StreamConfig, section: str) -> None:
    name = str(config.name)
    try:
        try:
            before = (await jetstream.stream_info(name)).config
        except NotFoundError:
            await jetstream.add_stream(config)
            logger.info("stream %s created", name)
            return
        _check_is_ours(before, config, section)
        await jetstream.update_stream(config)
    except (BadRequestError, ServerError, APIError) as error:
        if error.code == 503:  # no leader now: worth another try
            raise failure(error) from None
        raise StreamSetupError(
            f"[{section}] NATS does not have stream {name} so: {error.description}; change "
            "replicas, max_mb, storage or the servers' limits"
        ) from None
    except LinkError:
        raise
    except (TimeoutError, nats.errors.Error) as error:
        raise failure(error) from None


def _check_is_ours(before: api.StreamConfig, config: api.StreamConfig, section: str) -> None:
    """A stream of somebody else's with this name is not changed. Raises StreamSetupError."""
    if (before.subjects or []) != (config.subjects or []) or bool(before.mirror) != bool(
        config.mirror
    ):
        held = ", ".join(before.subjects or ["a mirror"])
        raise StreamSetupError(
            f"[{section}] stream {config.name} is there and has other subjects ({held}); name "
            "another stream, or delete it"
        )
