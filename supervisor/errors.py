"""Errors that end a command: one clear line of what is wrong, and one of what to do.

UserError           exit 1
+-- NoTokenError    a credential is not there yet; its adapter waits
+-- ConfigError     all that is wrong with a configuration, one line each
+-- NotRunningError exit 3: no supervisor is running for this configuration
"""

from __future__ import annotations

from typing import Final

from bus.errors import StreamError

FAILED: Final = 1
USAGE: Final = 2
NOT_RUNNING: Final = 3
#: It works, and something should be looked at (`doctor`).
DEGRADED: Final = 4


class UserError(StreamError):
    """Something that the user can mend; `remedy` says how."""

    exit_code = FAILED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(UserError):
    """Everything that is wrong with a configuration."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NoTokenError(UserError):
    """A credential is not there yet."""


class NotRunningError(UserError):
    """No supervisor is running for this configuration."""

    exit_code = NOT_RUNNING
