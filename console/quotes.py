"""Last values over HTTP, from the market-data service, for pages without a WebSocket.

The console passes the question on, so that a page needs to be allowed to connect to us only.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from bus.errors import StreamError

_PATH: Final = "/api/v1/multiquotes"
_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 4 << 20


class QuotesError(StreamError):
    """No quotes; `status` is the HTTP status that says whose fault it is."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Quotes:
    """`endpoint()` is where the market-data service answers now; empty when it does not."""

    def __init__(self, endpoint: Callable[[], str]) -> None:
        self._endpoint = endpoint

    async def ask(self, credential: str, symbols: Sequence[tuple[str, str]]) -> bytes:
        """The service's JSON for (symbol, exchange) pairs.

        Raises:
            QuotesError: it is not there, or refuses.
        """
        endpoint = self._endpoint()
        if not endpoint.startswith("http://"):
            raise QuotesError(503, "The market-data service answers no HTTP now.")
        body = msgspec.json.encode(
            {
                "apikey": credential,
                "symbols": [
                    {"symbol": symbol, "exchange": exchange} for symbol, exchange in symbols
                ],
            }
        )
        return await asyncio.to_thread(_post, endpoint + _PATH, body)


def _post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - our own service's address, seen to be http
        url, data=body, headers={"Content-Type": "application/json"}
    )
    # Never through a proxy of the environment: this is our own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return bytes(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        raise QuotesError(error.code, "The market-data service refuses the question.") from None
    except OSError:
        raise QuotesError(503, "The market-data service does not answer.") from None
