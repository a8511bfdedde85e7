"""Fyers: the HSM feed, binary, and the TBT feed of deep books, protobuf."""
