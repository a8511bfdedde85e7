"""OpenAlgo's names to the broker's tokens: a SQLite file per adapter, and where it comes from."""
