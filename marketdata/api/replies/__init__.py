"""The replies, as OpenAlgo's clients read them. `mode` says that it is the paper account."""
