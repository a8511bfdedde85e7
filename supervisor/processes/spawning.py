"""How processes are started: afresh with `python -m`, on every system.

`supervisor.processes.nursery` is the faster way where the system can fork.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

from bus.control.bootstrap import Bootstrap
from supervisor.processes.handles import Child, Handle
from supervisor.processes.logfiles import rotate

#: What a child's environment may hold: nothing that could carry another's credentials.
_KEPT_VARIABLES: Final = (
    "PATH",
    "HOME",
    "USERPROFILE",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTHONUTF8",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
)


class Spawner(Protocol):
    """Starts processes."""

    def spawn(self, module: str, boot: Bootstrap, log: Path) -> Handle:
        """Start `python -m module`; settings and secrets go down a private pipe.

        The child is in a session of its own, so that Ctrl-C in our terminal reaches only us,
        and writes to its log file directly, so that it can outlive us.

        Raises:
            OSError: it cannot be started.
        """
        ...


class PlainSpawner:
    """A new interpreter for each process."""

    def spawn(self, module: str, boot: Bootstrap, log: Path) -> Child:
        rotate(log)
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command("-m", module),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=clean_environment(),
            )
        assert popen.stdin is not None  # noqa: S101 - we asked for the pipe
        with contextlib.suppress(BrokenPipeError), popen.stdin as pipe:
            pipe.write(boot.line())
        return Child(popen)


def command(*arguments: str) -> list[str]:
    """An interpreter like ours.

    -P: a folder named like one of ours in the user's directory is not imported.
    """
    return [sys.executable, "-P", *arguments]


def clean_environment() -> dict[str, str]:
    """Ours, less what children must not see."""
    return {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
