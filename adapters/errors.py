"""The errors of the adapters, by whose fault they are.

AdapterError
+-- CodecError              what a broker sent or answered; `kind` is a word for machines
|   +-- TruncatedError      a frame ends before what it announced
|   +-- MalformedError      a frame that is not of the broker's protocol
|   +-- BrokerError         the broker says no; `verdict` tells what that means for us
+-- UnknownBrokerError      no broker of that name
+-- CredentialsError        a credential that the broker needs is not configured
+-- OptionsError            options that a source does not know
+-- InstrumentsError        an instrument master that cannot be used
|   +-- FetchError          one that could not be fetched now; worth another try
+-- FrameFileError          a file of recorded frames that cannot be used
"""

from __future__ import annotations

import enum

from bus.errors import StreamError


class Verdict(enum.Enum):
    """What a broker's refusal means for the connection."""

    #: Told and counted; the connection goes on.
    GO_ON = "go_on"
    #: The connection ends; another is tried after the back-off.
    RETRY = "retry"
    #: The broker is asked too much (connections, attempts): the slowest back-off.
    SLOW_DOWN = "slow_down"
    #: The credentials are refused: only new ones help.
    NEEDS_TOKEN = "needs_token"  # noqa: S105 - a word, no credential
    #: Only a human helps (no data plan, account blocked).
    FATAL = "fatal"


class AdapterError(StreamError):
    """Base of all errors of the adapters."""


class CodecError(AdapterError):
    """What a broker sent that is no tick. `kind` is a short word, the same every time."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TruncatedError(CodecError):
    """A frame ends before what it announced."""

    def __init__(self, message: str, kind: str = "truncated") -> None:
        super().__init__(kind, message)


class MalformedError(CodecError):
    """A frame that is not of the broker's protocol."""

    def __init__(self, message: str, kind: str = "malformed") -> None:
        super().__init__(kind, message)


class BrokerError(CodecError):
    """The broker says no, in a frame; `kind` is its code where it has one."""

    def __init__(self, kind: str, message: str, verdict: Verdict = Verdict.GO_ON) -> None:
        super().__init__(kind, message)
        self.verdict = verdict


class UnknownBrokerError(AdapterError):
    """No broker of that name, built in or installed."""


class CredentialsError(AdapterError):
    """A credential that the broker needs is missing or empty."""


class OptionsError(AdapterError):
    """`[adapters.NAME.options]` that the adapter's source does not understand."""


class InstrumentsError(AdapterError):
    """An instrument master that cannot be used; the text says where and what to do."""


class FetchError(InstrumentsError):
    """The master's server did not give it now."""


class FrameFileError(AdapterError):
    """A file of recorded frames that cannot be used; the text says where and what to do."""
