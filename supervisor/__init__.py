"""The supervisor: configuration, desired against actual processes, and the command line.

It is never on the path of a tick. `lifecycle` decides, `supervisor` acts, `cli` speaks.
"""
