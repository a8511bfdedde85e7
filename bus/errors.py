"""The errors of the bus, and the root of all errors of the project.

StreamError         its text says what is wrong, where, and what to do
+-- BusError
    +-- TopicError      a topic that the grammar does not allow
    +-- FrameError      bytes from the data plane that are no frame of ours
    +-- ControlError    bytes from the control plane that are no message of ours
    +-- UnreachableError  no supervisor answers
    +-- NoSystemError   no system to read from
    +-- LaneError       a shared-memory lane that cannot be made or read
"""

from __future__ import annotations


class StreamError(Exception):
    """An error that we raise on purpose; the command line shows its text and no traceback."""


class BusError(StreamError):
    """Base of all errors of the bus."""


class TopicError(BusError, ValueError):
    """A topic, or a part of one, that the topic grammar does not allow."""


class FrameError(BusError, ValueError):
    """Bytes that are not a frame of the data plane."""


class ControlError(BusError, ValueError):
    """Bytes that are not a message of the control plane, or one with a wrong seal."""


class UnreachableError(BusError):
    """Nobody answered on the control plane in time."""


class NoSystemError(BusError):
    """There is no running system, or none that this user may read."""


class LaneError(BusError):
    """A shared-memory lane that cannot be made or read here."""
