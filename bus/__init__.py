"""What every process shares: topics, ticks, frames, publisher, subscriber, control plane.

The data plane runs from an adapter's `Publisher` straight to each consumer's `Subscriber`,
over ZeroMQ or shared memory (`lane`); the control plane runs between the supervisor and every
process (`control`). Nothing in here imports another package of the project.

    topics, frames, events, wants, welcome   the data plane's words
    publisher, subscriber, feed, transport   its two ends, and what carries frames between them
    consumer                                 the same for programs of users
    splicing     two generations of an adapter as one stream
    control      messages, channel, the shell around a process
    moving       where two generations of one process meet
    settings     what each process is told when it starts
    measuring    what flows, how fast, how late, what was lost
    market       hours, expiries, instruments, what a tick and an order are
    logs         log lines, and no credentials in them
    drain, wakeup, waiting   reading off the event loop, in batches; waiting, but not for ever
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
