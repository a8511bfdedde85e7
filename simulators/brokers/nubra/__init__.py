"""Nubra's sockets."""
