"""What every process shares: topics, ticks, frames, publisher, subscriber, control plane.

The data plane runs from an adapter's `Publisher` straight to each consumer's `Subscriber`;
the control plane runs between the supervisor and every process (`bus.messages`,
`bus.channel`). Nothing in here imports another package of the project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.consumer import Subscriber as Subscriber

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`from bus import Subscriber` is for programs of users; our processes need not load it."""
    if name == "Subscriber":
        from bus.consumer import Subscriber  # noqa: PLC0415 - only who asks for it pays

        return Subscriber
    raise AttributeError(name)
