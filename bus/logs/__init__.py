"""Log lines: made (`chain`), kept free of credentials (`redaction`), read (`lines`)."""
