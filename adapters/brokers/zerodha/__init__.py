"""Zerodha (Kite): binary packets."""
