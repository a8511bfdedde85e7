"""From one generation of the proxy to the next, with every client. docs/design.md tells the whole.

freight            what a connection is made of while it travels (pure)
crossing           where in the bus's streams it got on and gets off (pure)
giver, taker       what each side may do when (pure)
messages           what they say to each other; `bus.link` carries it
unread             what a connection has received and not handled, sent and not delivered
departure, arrival the old proxy's shell and the new one's
"""

from __future__ import annotations
