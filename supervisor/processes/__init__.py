"""Processes: started, forked from the warm template, watched; one's life as a state machine."""
