"""Dhan: binary packets, books of 20 and 200 levels, and its sandbox."""
