"""npm packages for tests: installed once from a lock file with hashes, beside other peers.

The lock files hold no registry's address (`npm install --omit-lockfile-registry-resolved`), so
npm takes the one that the machine is set up with.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from peer_env import BUILD_TIMEOUT_S, FOLDER, _locked


@functools.cache
def packages(name: str) -> Path:
    """The folder whose `node_modules` is what `tests/peers/<name>/package-lock.json` lists.

    Raises:
        RuntimeError: the packages cannot be installed; the text is npm's.
    """
    files = sorted(file for file in (FOLDER / name).iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    root = Path(sys.prefix) / "peers"
    root.mkdir(exist_ok=True)
    folder = root / f"node-{name}-{digest}"
    with _locked(root / f"node-{name}.lock"):
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(FOLDER / name, folder)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=BUILD_TIMEOUT_S,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"npm ci failed:\n{done.stderr[-2000:]}")
            (folder / "built").touch()
    return folder
