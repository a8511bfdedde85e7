"""The errors of the bridge and of the adapter that reads its stream.

BridgeError                 the text says what is wrong, where, and what to do
+-- SubjectError            a subject or a header that is none of ours
+-- LinkError               NATS cannot be reached, or is lost; worth another try
    +-- RefusedError        NATS refuses the credentials: only new ones help
    +-- StreamSetupError    the stream cannot be had as it is configured
"""

from __future__ import annotations

from adapters.errors import AdapterError


class BridgeError(AdapterError):
    """Base of all errors here; an `AdapterError`, since a stream may be an adapter's source."""


class SubjectError(BridgeError, ValueError):
    """A subject or a header that the bridge did not make."""


class LinkError(BridgeError):
    """NATS cannot be reached, or is lost; worth another try."""


class RefusedError(LinkError):
    """NATS refuses the credentials."""


class StreamSetupError(LinkError):
    """The stream is not there, or cannot be had as it is configured."""
