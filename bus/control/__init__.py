"""The control plane: what supervisor and processes say, and the shell of a process."""
