"""Nubra: protobuf in text requests."""
