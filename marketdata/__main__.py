"""`python -m marketdata`: started by the supervisor."""

from bus.control.process import run
from marketdata.service import MarketDataService

if __name__ == "__main__":
    run(MarketDataService)
