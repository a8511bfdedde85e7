"""How the Python client asks: one request at a time over HTTP, typed replies, typed errors.

ClientError            base of the client's errors
+-- UnreachableError   no answer: whether it was done is not known
+-- RefusedError       the service said no; has its HTTP status and the rule that was broken
"""

from __future__ import annotations

import http.client
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from bus.errors import StreamError
from marketdata.api.replies.common import Failure

R = TypeVar("R", bound=Struct)


class ClientError(StreamError):
    """Base of the client's errors."""


class UnreachableError(ClientError):
    """There was no answer. A call that changes something may have been carried out."""


class RefusedError(ClientError):
    """The service said no, and nothing was changed."""

    def __init__(self, status: int, message: str, rule: str) -> None:
        super().__init__(message)
        #: HTTP status: 400, 403, 404, 429, 503 ...
        self.status = status
        #: The sandbox's rule that was broken (docs/sandbox.md), where it was one.
        self.rule = rule


class Wire:
    """A connection for each request; any thread may use it."""

    def __init__(self, api_key: str, url: str, timeout_s: float) -> None:
        """Raises ClientError: that is no address."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ClientError(f"no http:// address: {url}")
        self._host, self._port = parts.hostname, parts.port or 80
        self._timeout_s = timeout_s
        self._headers = {"X-API-KEY": api_key, "Content-Type": "application/json"}

    def ask(self, path: str, kind: type[R], fields: dict[str, Any] | None = None) -> R:
        """Raises RefusedError, UnreachableError."""
        status, body = self._post(path, msgspec.json.encode(fields or {}))
        try:
            if status == http.HTTPStatus.OK:
                return msgspec.json.decode(body, type=kind)
            failure = msgspec.json.decode(body, type=Failure)
        except msgspec.DecodeError as error:
            raise UnreachableError(f"{self._where}: no answer of this service: {error}") from None
        rule = failure.rule if isinstance(failure.rule, str) else ""
        raise RefusedError(status, failure.message, rule)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", path, body, self._headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self._where}: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()

    @property
    def _where(self) -> str:
        return f"http://{self._host}:{self._port}"
