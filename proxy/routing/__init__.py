"""Which adapter feeds whom: demand, failover, and the way back. Pure."""
