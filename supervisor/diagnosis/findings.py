"""What a check tells."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.IntEnum):
    """How bad a finding is."""

    OK = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """What is so, and what mends it (empty where nothing has to be)."""

    check: str
    level: Level
    text: str
    remedy: str = ""
