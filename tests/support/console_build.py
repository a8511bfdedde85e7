"""The console's pages, built and tested from their source by the tools of its lock file."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from peer_env import BUILD_TIMEOUT_S, _locked

CONSOLE = Path(__file__).resolve().parent.parent.parent / "console"
_SOURCES = ("web", "packages")
_NOT_SOURCES = shutil.ignore_patterns("node_modules", "dist")


@functools.cache
def tools() -> Path:
    """A copy of the manifests with `node_modules` as the lock file lists them.

    Raises:
        RuntimeError: the packages cannot be installed; the text is npm's.
    """
    manifests = [CONSOLE / "package.json", CONSOLE / "package-lock.json"]
    manifests += sorted(CONSOLE.glob("*/package.json")) + sorted(CONSOLE.glob("*/*/package.json"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in manifests)).hexdigest()[:16]
    root = Path(sys.prefix) / "peers"
    root.mkdir(exist_ok=True)
    folder = root / f"console-{digest}"
    with _locked(root / "console.lock"):
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for file in manifests:
                copy = folder / file.relative_to(CONSOLE)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
            npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            (folder / "built").touch()
    return folder


def workshop(folder: Path) -> Path:
    """Today's sources in a folder of the caller's, with those tools."""
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(CONSOLE / name, folder / name)
    for name in _SOURCES:
        shutil.copytree(CONSOLE / name, folder / name, ignore=_NOT_SOURCES)
    installed = tools()
    shutil.copytree(installed / "node_modules", folder / "node_modules", symlinks=True)
    return folder


def npm(folder: Path, *arguments: str, **environment: str) -> str:
    """What it printed. Raises RuntimeError: it failed."""
    done = subprocess.run(
        ["npm", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=BUILD_TIMEOUT_S,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(
            f"npm {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-4000:]}"
        )
    return done.stdout
