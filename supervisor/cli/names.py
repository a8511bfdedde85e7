"""What the command is called."""

from __future__ import annotations

from typing import Final

PROGRAM: Final = "openalgo-stream"
#: With it in the environment the shell asks what could come next.
COMPLETE_VARIABLE: Final = "_OPENALGO_STREAM_COMPLETE"
