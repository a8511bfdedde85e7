"""A process by its next generation: one, all, or what a new configuration changed."""
