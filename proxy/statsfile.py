"""The file through which OpenAlgo's health page learns that a proxy lives.

It reads the file when that is younger than 60 s; the name and keys are its contract.
"""

from __future__ import annotations

from pathlib import Path

import msgspec


def write(path: Path, *, unix_s: float, clients: int, symbols: int, brokers: list[str]) -> None:
    """Replace the file in one step.

    Raises:
        OSError: it cannot be written.
    """
    figures = {
        "timestamp": unix_s,
        "total_connections": clients,
        "total_symbols": symbols,
        "clients_connected": clients,
        "brokers": brokers,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(msgspec.json.encode(figures))
    draft.replace(path)
