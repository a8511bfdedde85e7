"""What the exit code of a process tells its supervisor (sysexits.h where it has a word)."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """Exit codes of adapters, proxy and market-data service."""

    CLEAN = 0
    #: A defect of ours: restarted with back-off.
    BUG = 70
    #: Something outside failed: restarted with back-off.
    TEMPORARY = 75
    #: Credentials are refused: not restarted until there are new ones.
    CREDENTIALS = 77
    #: The configuration is wrong: not restarted.
    CONFIGURATION = 78
