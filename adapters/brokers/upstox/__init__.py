"""Upstox: protobuf, from an address asked for before."""
