"""What every answer says to the browser about what a page may do, and whom we answer. Pure ASGI.

A strict content security policy: scripts, styles and connections come from us, and the one
connection elsewhere is the proxy's. Nothing inline, no frame around us, no referrer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from identity.headers import Origins

_FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: Requests that change nothing.
_SAFE: Final = frozenset({"GET", "HEAD"})


def policy(websocket: str) -> str:
    """The content security policy; `websocket` is the proxy's address, empty when unknown."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {websocket}".rstrip(),
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class Protection:
    """Around the application.

    `origins` knows which Host and Origin are welcome: a page of somebody else's must not use
    the user's loopback. `own_origin` is ours by the request's Host, and the only one whose
    pages may change anything.
    """

    def __init__(
        self, app: ASGIApp, *, origins: Origins, websocket: Callable[[], str], secure: bool
    ) -> None:
        self._app = app
        self._origins = origins
        self._websocket = websocket
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(MutableHeaders(scope=message))
            await send(message)

        why = self._refusal(scope["method"], headers)
        if why:
            await PlainTextResponse(f"{why}\n", 403)(scope, receive, protected)
        else:
            await self._app(scope, receive, protected)

    def _refusal(self, method: str, headers: Headers) -> str:
        host, origin = headers.get("host"), headers.get("origin")
        if host is None or not self._origins.allows_host(host):
            return "This host name is not served here."
        if method in _SAFE and origin is None:
            return ""
        scheme = "https" if self._secure else "http"
        if origin is None or origin.lower() != f"{scheme}://{host.lower()}":
            return "Pages of this origin are not served."
        return ""

    def _mark(self, headers: MutableHeaders) -> None:
        for name, value in _FIXED.items():
            headers[name] = value
        headers["Content-Security-Policy"] = policy(self._websocket())
        headers.setdefault("Cache-Control", "no-store")
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
