"""`python -m console.metrics`: started by the supervisor."""

from __future__ import annotations

from bus.control.process import run
from console.metrics.service import build

if __name__ == "__main__":
    run(build)
