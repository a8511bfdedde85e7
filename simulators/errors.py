"""What can go wrong with a simulator, by whose fault.

SimulatorError
+-- SettingsError        a setting that makes no sense; the text says which and why
|   +-- UnknownBrokerError   no simulator for this broker; the text lists the known ones
+-- DataError            a recorded file that cannot be played: file, line, what to do
+-- ListenError          the port cannot be opened
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.errors import StreamError

if TYPE_CHECKING:
    from pathlib import Path


class SimulatorError(StreamError):
    """Base of all errors of the simulators."""


class SettingsError(SimulatorError, ValueError):
    """A setting that makes no sense."""


class UnknownBrokerError(SettingsError):
    """No simulator speaks this broker's protocol."""


class DataError(SimulatorError, ValueError):
    """A recorded file, or an instrument master, that cannot be read.

    Attributes:
        path: the file.
        line: the line, from 1; 0 where the file as a whole is meant.
    """

    def __init__(self, path: Path, problem: str, *, line: int = 0) -> None:
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")
        self.path = path
        self.line = line


class ListenError(SimulatorError, OSError):
    """The simulator's port cannot be opened."""
