"""The sandbox's errors.

SandboxError
+-- Rejection          a request breaks a rule
|   +-- NotFound       there is no such thing
+-- StoreError         the database did not take a change
+-- DeskEndedError     there is no desk any more
"""

from __future__ import annotations

from bus.errors import StreamError


class SandboxError(StreamError):
    """Base of the sandbox's errors."""


class Rejection(SandboxError):  # noqa: N818 - the word of the field
    """A request that breaks a rule; it left no trace in funds.

    `rule` is a short word, the same every time (docs/sandbox.md lists them); the text is for
    people.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class NotFound(Rejection):
    """No such order, GTT or instrument: what OpenAlgo answers with 404."""


class StoreError(SandboxError):
    """The database did not take a change: nothing of it happened."""


class DeskEndedError(SandboxError):
    """There is no desk any more: its thread ended by a defect. What is stored is whole."""
