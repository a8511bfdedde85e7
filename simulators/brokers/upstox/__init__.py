"""Upstox' V3 feed."""
