"""Two generations of an adapter as one stream: no gap, no duplicate, no step back. Pure."""
