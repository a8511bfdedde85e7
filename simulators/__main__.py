"""`python -m simulators`: started by the supervisor."""

from bus.control.process import run
from simulators.service import SimulatorService

if __name__ == "__main__":
    run(SimulatorService)
