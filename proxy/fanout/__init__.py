"""A tick on its way to all its clients, and the clients that are too slow for it."""
