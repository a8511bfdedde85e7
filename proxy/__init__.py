"""The WebSocket server: client protocol, authentication, subscriptions, fan-out.

    wire, replies, requests, modes, profile       the client protocol's grammar, both ways (pure)
    subscriptions, levels, shapes, envelope       who gets which bytes (pure)
    lane, lanes, conflation                       in which order, and who does not keep up (pure)
    demand, feeds, routing, rights                what is wanted of which adapter, by whom (pure)
    session, subscribing, verifying               one client's conversation (pure)
    orders, telling                               what is pushed besides ticks (pure)
    presence, waiting                             the rules of admission (pure)
    door, guarded, tls                            admission: sockets, timers
    outlet, pacer, client, pages, server          a client's connection, and all of them
    service, tap                                  the processes

A tick is routed by its topic, wrapped once and written to all; only MessagePack decodes it.
"""

from __future__ import annotations
