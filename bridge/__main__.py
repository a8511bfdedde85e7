"""`python -m bridge`: the bridge's process, started by the supervisor."""

from bridge.service import build
from bus.control.process import run

if __name__ == "__main__":
    run(build)
