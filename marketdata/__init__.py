"""The market-data service: what the market looked like at the last tick, in its own process."""
