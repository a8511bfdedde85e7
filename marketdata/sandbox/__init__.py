"""Paper trading on live ticks: orders, fills, books, risk. docs/sandbox.md has the rules.

What decides is pure (`engine` and what it is made of): commands, ticks and the time in,
changes out. `store` keeps them, `durable` joins both and tells of nothing before it is stored,
`desk` is the facade, `runner` gives it a thread of its own.
"""
