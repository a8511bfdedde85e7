"""Whether open sockets can be handed from one process to another."""

from __future__ import annotations

import socket


def can_pass_sockets() -> bool:
    """Unix domain sockets carry descriptors; Windows has them without that."""
    return hasattr(socket, "AF_UNIX") and hasattr(socket, "SCM_RIGHTS")
