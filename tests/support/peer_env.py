"""An environment of its own for each third-party package that tests drive.

Peers cannot share one: their pins contradict each other and ours. `peer_python("x")` gives
the interpreter of an environment with what `tests/peers/x.txt` lists (made by `uv pip
compile --generate-hashes` from one requirement). It is built on first use, kept under the
virtual environment that runs the tests, and built anew when the list changes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent.parent / "peers"
LOCK_TIMEOUT_S = 300.0
BUILD_TIMEOUT_S = 240.0


@functools.cache
def peer_python(name: str) -> Path:
    """The interpreter of the environment that `tests/peers/<name>.txt` describes.

    Raises:
        RuntimeError: the packages cannot be installed; the text is the installer's.
    """
    requirements = FOLDER / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    root = Path(sys.prefix) / "peers"
    root.mkdir(exist_ok=True)
    environment = root / f"{name}-{digest}"
    built = environment / "built"
    with _locked(root / f"{name}.lock"):
        if not built.exists():
            shutil.rmtree(environment, ignore_errors=True)
            _uv("venv", "--python", sys.executable, str(environment))
            python = _interpreter(environment)
            _uv(
                "pip",
                "install",
                "--require-hashes",
                "--python",
                str(python),
                "-r",
                str(requirements),
            )
            built.touch()
    return _interpreter(environment)


def _interpreter(environment: Path) -> Path:
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return environment / folder / name


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(arguments)} failed:\n{done.stderr}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file: workers of pytest-xdist are processes that start at once.

    The operating system gives it up with the process, however that ends.
    """
    with path.open("a+b") as file:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"another process holds {path} for too long")
            time.sleep(0.1)
        yield


if os.name == "nt":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
