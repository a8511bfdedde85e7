"""One client: its socket, its conversation, what it holds and may."""
