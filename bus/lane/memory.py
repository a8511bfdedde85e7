"""The memory under a lane and its bells: a file that has no name, so that none can be left behind.

The kernel frees it with its last user, however that one ends; others open it through its
maker's `/proc/PID/fd/N`, which the same user's processes may. Its size is sealed, so that nobody
who reads it can be killed by a file cut short under them, and they map it read-only.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from typing import Final

from bus.errors import LaneError

SUPPORTED: Final = sys.platform == "linux"
_UNSUPPORTED: Final = "the shared-memory lane needs Linux; leave out shared_memory"


class Memory:
    """The writer's side. `path` is where readers find it for as long as this one lives."""

    def __init__(self, size: int) -> None:
        if sys.platform != "linux":
            raise LaneError(_UNSUPPORTED)
        import fcntl  # noqa: PLC0415 - Unix only

        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        self._descriptor = os.memfd_create("openalgo-stream", flags)
        os.ftruncate(self._descriptor, size)
        self.map = mmap.mmap(self._descriptor, size)
        fcntl.fcntl(
            self._descriptor,
            fcntl.F_ADD_SEALS,
            fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL,
        )
        self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def close(self) -> None:
        self.map.close()
        os.close(self._descriptor)


def attach(path: str) -> mmap.mmap:
    """Another process's `Memory`, to be read.

    Raises:
        LaneError: it is gone, or is another user's, or on another machine, or something else.
    """
    if sys.platform != "linux":
        raise LaneError(_UNSUPPORTED)
    import fcntl  # noqa: PLC0415 - Unix only

    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
            raise ValueError("its size is not sealed")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise LaneError(f"cannot read the shared memory {path}: {error}") from None
    finally:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
