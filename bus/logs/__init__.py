"""Log lines: made (`chain`), kept free of credentials (`redaction`), read (`lines`).

`structure` is structlog without what we do not use of it.
"""
