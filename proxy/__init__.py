"""The WebSocket server: client protocol, authentication, subscriptions, fan-out.

    protocol     what clients say and are told, as bytes and as types (pure)
    fanout       a tick on its way to all its clients; who does not keep up
    routing      which adapter feeds whom: demand, failover, the way back (pure)
    clients      one client: its socket, its conversation, what it holds and may
    entrance     the listening socket, and who gets in
    moving       port and clients in the hands of the next generation
    orders       order updates: who is told of which
    service, tap the processes

A tick is routed by its topic, wrapped once and written to all; only MessagePack decodes it.
"""

from __future__ import annotations
