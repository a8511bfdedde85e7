"""From one generation of the proxy to the next, with every client. docs/design.md tells the whole.

freight            what a connection is made of while it travels (pure)
crossing           where in the bus's streams it got on and gets off (pure)
custody            what each side may do when (pure)
logbook            what the old proxy has delivered, and told of (pure)
messages           what they say to each other; `bus.moving.link` carries it
unread             what a connection has received and not handled, sent and not delivered
departure          the old proxy's side; its talk with the new one (dialogue), its batches (ferry)
arrival            the new proxy's side; its talk with the old one (`bus.moving.meeting`)
harbour            what both sides do
pause, luggage     a client's task between two messages; what a client holds
"""

from __future__ import annotations
