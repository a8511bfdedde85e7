"""What consumers want, shared out over the broker's streams and connections.

`names` is what is wanted, `pool` and `seating` where it goes; `switchboard` answers each demand.
"""
