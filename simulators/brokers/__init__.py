"""Brokers' servers, a package each: who may log in, what is asked, the bytes that answer. Pure."""
