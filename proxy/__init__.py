"""The WebSocket server: client protocol, authentication, subscriptions, fan-out.

    wire, replies, requests, modes      the client protocol's grammar, both ways (pure)
    subscriptions, envelope, lanes      who gets which bytes, in which order (pure)
    demand, feeds, routing              what is wanted of which adapter, and its answers (pure)
    session, subscribing                one client's conversation (pure)
    outlet, client, server, service     sockets, timers, the bus

A tick is never decoded here: it is routed by its topic, wrapped once and written to all.
"""

from __future__ import annotations
