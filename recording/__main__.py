"""`python -m recording`: the recorder's process, started by the supervisor."""

from bus.control.process import run
from recording.service import build

if __name__ == "__main__":
    run(build)
