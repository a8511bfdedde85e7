"""Fyers' three sockets."""
