"""What every process shares: topics, ticks, frames, publisher, subscriber, control plane.

The data plane runs from an adapter's `Publisher` straight to each consumer's `Subscriber`;
the control plane runs between the supervisor and every process (`bus.messages`,
`bus.channel`). Nothing in here imports another package of the project.
"""

from __future__ import annotations

__version__ = "0.1.0"
