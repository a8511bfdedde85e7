"""What every HTTP server of ours has in common: uvicorn in the process's own event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bus.control.exits import Exit
from bus.control.service import ExitError


class InOurLoop(uvicorn.Server):
    """Serves until `should_exit`; whoever ends the process says so."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are the process's business."""
        yield


def configured(app: ASGIApp, *, finish_s: int, **more: Any) -> uvicorn.Config:
    """Plain HTTP/1.1, nothing logged per request; what is under way at the end has `finish_s`."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=finish_s,
        **more,
    )


def family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def cannot_listen(section: str, host: str, port: int, error: OSError) -> ExitError:
    """The address of a section cannot be had."""
    return ExitError(
        Exit.CONFIGURATION,
        f"[{section}] cannot listen on {host}:{port}: {error.strerror}; end what uses it, or "
        f"set another [{section}] port",
    )
