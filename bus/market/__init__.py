"""What the market is, for everybody: hours, expiries, instruments, ticks, orders."""
