"""One authenticate request on its way from the client's message to its reply. Pure.

A session cannot know how long it takes to verify a credential, nor does it care: it hands
out a `Verifying`, is told the outcome, and meanwhile handles no other message of the client.
"""

from __future__ import annotations

from identity.authority import Identity


class Verifying:
    """To be filled in and settled, once."""

    def __init__(self, credential: str) -> None:
        self.credential = credential
        #: Who that is; None when it is nobody.
        self.identity: Identity | None = None
        #: Whether that could not be found out.
        self.failed = False

    def __repr__(self) -> str:
        return "Verifying(...)"  # never the credential
