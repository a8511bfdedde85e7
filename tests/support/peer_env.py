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
def peer_python(name: str, minimum: tuple[int, int] = (3, 11)) -> Path:
    """The interpreter of the environment that `tests/peers/<name>.txt` describes.

    Raises:
        LookupError: there is no Python as new as the package needs.
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
            _uv("venv", "--python", _base(minimum), str(environment))
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


def _base(minimum: tuple[int, int]) -> str:
    """The Python that runs the tests, or a newer one of pyenv's where a package needs it."""
    if sys.version_info >= minimum:
        return sys.executable
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(versions.glob(f"{minimum[0]}.{minimum[1]}.*/bin/python"))
    if not found:
        raise LookupError(f"needs Python {minimum[0]}.{minimum[1]}; install one with pyenv")
    return str(found[-1])


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
