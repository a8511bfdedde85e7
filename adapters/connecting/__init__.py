"""One broker connection: making it, reading it, what it has been asked for, its death.

`link` and `subscriptions` decide; `session` is the shell; `connections` are an account's.
"""
