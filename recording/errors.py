"""The errors of recordings.

RecordingError          a recording that cannot be used; the text says where and what to do
+-- EmptyError          there is nothing in it
"""

from __future__ import annotations

from adapters.errors import AdapterError


class RecordingError(AdapterError):
    """A recording that cannot be used; an `AdapterError`, since it may be an adapter's source."""


class EmptyError(RecordingError):
    """No recording where one was expected, or nothing in the part that was asked for."""
