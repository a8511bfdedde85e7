"""Packages for a Python 2.7, for the one public suite that never left it.

Installed into a folder beside the other peers' environments (`peer_env`), from a list with
hashes; the hashes are those of the files for Linux on x86-64.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from peer_env import BUILD_TIMEOUT_S, FOLDER, _locked


@functools.cache
def interpreter() -> Path | None:
    """A Python 2.7 with pip, from pyenv or the path; None: this machine has none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [*sorted(pyenv.glob("2.7.*/bin/python2.7")), shutil.which("python2.7")]
    for candidate in filter(None, found):
        done = subprocess.run(
            [candidate, "-m", "pip", "--version"], capture_output=True, check=False
        )
        if done.returncode == 0:
            return Path(candidate)
    return None


@functools.cache
def packages(name: str) -> Path:
    """The folder with what `tests/peers/<name>.txt` lists.

    Raises:
        RuntimeError: the packages cannot be installed; the text is the installer's.
    """
    requirements = FOLDER / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    root = Path(sys.prefix) / "peers"
    root.mkdir(exist_ok=True)
    folder = root / f"{name}-{digest}"
    with _locked(root / f"{name}.lock"):
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            command = [
                *(interpreter(), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"),
                *("--target", folder, "-r", requirements),
            ]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
            )
            if done.returncode:
                raise RuntimeError(f"pip for Python 2.7 failed:\n{done.stderr[-2000:]}")
            (folder / "built").touch()
    return folder
