"""Protobuf schemas of brokers, and the modules that `make proto` generates from them."""
