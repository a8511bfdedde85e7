"""One process per broker account: the broker's wire in, the bus out.

`codec` is what a broker module implements, `zerodha` the first that does; `demand`, `pool`,
`subscriptions` and `link` decide, without I/O; `session` and `runner` are the shells.
How to add a broker: docs/adding-a-broker.md.
"""
