"""Zerodha's Kite ticker."""
