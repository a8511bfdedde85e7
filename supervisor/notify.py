"""Telling systemd how we are: ready, stopping, alive (sd_notify(3), without its library)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"
#: For one that does not read what it was told before; the supervisor has other things to do.
_PATIENCE_S: Final = 0.05


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send one state; whether there was anybody to tell. Never an error: it is a courtesy."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    if address.startswith("@"):  # the abstract name space begins with a NUL
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(_PATIENCE_S)
            datagram.sendto(state.encode(), address)
    except OSError:
        return False
    return True


def watchdog_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None: it wants none."""
    if environ.get("WATCHDOG_PID", str(pid or os.getpid())) != str(pid or os.getpid()):
        return None
    try:
        allowed_s = int(environ.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return None
    return allowed_s / 2 if allowed_s > 0 else None
