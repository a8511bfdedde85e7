"""What has to be asked over HTTP before a handshake: a one-time address, mostly."""

from __future__ import annotations

import io
import logging
from typing import Final

from adapters.codec import Codec, HttpRequest
from adapters.errors import FetchError
from adapters.fetch import fetch
from adapters.threads import in_daemon_thread

logger = logging.getLogger(__name__)

PREPARE_TIMEOUT_S: Final = 10.0
MAX_PREPARE_BYTES: Final = 1 << 20


async def prepare(codec: Codec) -> None:
    """Ask what the codec wants to know, and tell it.

    Raises:
        BrokerError: no connection can be made with the answer.
    """
    request = codec.prepare()
    if request is not None:
        status, body = await in_daemon_thread(lambda: _ask(request))
        codec.prepared(status, body)


def _ask(request: HttpRequest) -> tuple[int, bytes]:
    """Status and body; 0: there was no answer. Blocks."""
    body = io.BytesIO()
    try:
        status = fetch(request, body, max_bytes=MAX_PREPARE_BYTES, timeout_s=PREPARE_TIMEOUT_S)
    except FetchError as error:
        logger.info("asking before the handshake: %s", error)
        return 0, b""
    return status, body.getvalue()
