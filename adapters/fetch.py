"""One GET over HTTP, for masters and for what a broker wants before a handshake. Blocks.

Headers may hold a token, so they go to the host that was asked and to no other, and no error
shows more of an address than its path.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import IO, BinaryIO, Final
from urllib.parse import urlsplit

from adapters.codec import HttpRequest
from adapters.errors import FetchError
from adapters.trust import trust

TIMEOUT_S: Final = 30.0
_CHUNK_BYTES: Final = 1 << 18


class _NoStrangers(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another host only without the headers, which may hold a token."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        target = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if target is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            target.headers.clear()
        return target


def fetch(
    request: HttpRequest,
    into: BinaryIO,
    *,
    max_bytes: int,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """The status of the answer, whose body is written to `into`; `progress` gets bytes so far.

    Raises:
        FetchError: no whole answer, or more than `max_bytes`.
    """
    # No proxies from the environment: what the configuration names is what is asked.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        _NoStrangers(),
        urllib.request.HTTPSHandler(context=trust()),
    )
    place = shown(request.url)
    try:
        asked = urllib.request.Request(request.url, headers=dict(request.headers))  # noqa: S310 - http(s) only
        with _answer(opener, asked, timeout_s) as response:
            done = 0
            while chunk := response.read(_CHUNK_BYTES):
                done += len(chunk)
                if done > max_bytes:
                    raise FetchError(f"{place}: more than {max_bytes} bytes")
                into.write(chunk)
                progress(done)
            return response.status or 0
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise FetchError(f"{place}: {type(cause).__name__}") from None


def _answer(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request, timeout_s: float
) -> http.client.HTTPResponse | urllib.error.HTTPError:
    """The response whatever its status: a refusal has a body worth reading."""
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        return error
    return response


def shown(url: str) -> str:
    """An address without user, password and query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
