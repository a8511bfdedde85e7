"""Paper trading on live ticks: orders, fills, books, risk. docs/sandbox.md has the rules.

What decides is pure (`engine` and what it is made of): commands, ticks and the time in,
changes out. `store` makes the changes durable, `desk` puts both behind one facade and tells of
nothing before it is durable, `runner` gives the desk a thread of its own.
"""
