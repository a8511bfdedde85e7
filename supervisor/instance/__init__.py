"""One running system: its files, its lock, and what an earlier supervisor left running."""
