"""Angel One's SmartStream v2."""
