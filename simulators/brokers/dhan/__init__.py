"""Dhan's v2 protocol."""
