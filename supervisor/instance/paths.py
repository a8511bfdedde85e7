"""Where an instance keeps its things: one state directory per configuration file."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StatePaths:
    """The files below an instance's state directory."""

    root: Path

    @property
    def keys(self) -> Path:
        """API keys (hashes only)."""
        return self.root / "keys.db"

    @property
    def instruments(self) -> Path:
        """Instrument masters, one file per adapter."""
        return self.root / "instruments"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run_file(self) -> Path:
        """Who supervises, where to ask, what runs; holds the run's secret, hence 0600."""
        return self.root / "run.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the directories, readable by their owner only."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)


def default_state(config_file: Path | None) -> Path:
    """Beside the configuration file, one per file; the demo's is in the user's own place."""
    if config_file is not None:
        return config_file.parent / ".openalgo-stream" / config_file.stem
    return _user_state() / "openalgo-stream" / "demo"


def _user_state() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
