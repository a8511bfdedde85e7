"""Angel One (SmartAPI): binary packets."""
