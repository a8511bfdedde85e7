"""The listening socket, and who gets in: TLS, handshakes, admission, limits."""
