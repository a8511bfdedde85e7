"""Between two generations of one process: where they meet, and descriptors that change hands."""
