"""From one generation of the market-data service to the next: what it knows, its port, its
connections, and the paper accounts. docs/design.md tells the whole.

messages    what the two say to each other; `bus.moving.link` carries it
departure   the old one's side
arrival     the new one's side
"""
