"""What the entrance keeps out and cuts off, in numbers."""

from __future__ import annotations

from msgspec import Struct

from bus.control.messages import Stats


class DoorCounts(Struct):
    """What was kept out or cut off, since the start."""

    origin_refused: int = 0
    host_refused: int = 0
    handshakes_refused: int = 0
    connections_refused: int = 0
    logins_delayed: int = 0
    flood_closed: int = 0
    unread_closed: int = 0

    def stats(self) -> Stats:
        """As `status` shows them."""
        return {
            "origin_refused_total": self.origin_refused,
            "host_refused_total": self.host_refused,
            "handshakes_refused_total": self.handshakes_refused,
            "connections_refused_total": self.connections_refused,
            "logins_delayed_total": self.logins_delayed,
            "flood_closed_total": self.flood_closed,
            "unread_closed_total": self.unread_closed,
        }
