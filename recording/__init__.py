"""Recordings of the bus: written by a process of their own, played back as an adapter.

`records` and `notes` are the format, `segment` and `archive` read it, `recorder` and `replay`
are the two processes. `history` is a third, short-lived one, which answers `questions` about an
instrument's past with `candles`. docs/recording.md specifies the format for others.
"""
