"""The market-data service over HTTP: OpenAlgo's own calls, and what goes beyond them.

endpoint                   what a call is: path, typed request and reply, right, handler
requests, replies          the typed requests and replies; /openapi.json is made of them
rights                     what of the paper accounts a key may touch
orders, options, triggers  OpenAlgo's calls that trade on paper
books                      OpenAlgo's calls that look at the paper account
prices, chains             OpenAlgo's calls on prices, chains of options and greeks
history                    OpenAlgo's calls on the past, out of recordings
underlyings                what calls on options ask first
symbols, exchanges         OpenAlgo's calls on instruments, exchanges and the rest
risk, data                 our own paths: risk, audit, freshness, gate, status
openapi, app, server       the description, the ASGI application, the sockets
"""

from __future__ import annotations
