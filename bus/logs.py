"""Log lines of every process: UTC time, level, process, module, text.

Control characters are escaped, so that no broker or client can forge a line.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from pathlib import Path
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        record.message = _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", record.message)
        return super().formatMessage(record)


def configure(name: str, generation: int) -> None:
    """Log to standard error, which the supervisor keeps in the process's file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_whole(f"{name}.{generation}"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # A peer that probes the port, or breaks its handshake, is no news at this level.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)


def file_handler(path: Path, name: str) -> logging.Handler:
    """Whole lines, appended to a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_whole(name))
    return handler


def terminal_handler() -> logging.Handler:
    """Short lines for a person: local time and text, the level where it is not plain news."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    return handler


def _whole(name: str) -> logging.Formatter:
    return _Formatter(f"%(asctime)s %(levelname)-7s {name} %(name)s: %(message)s")


class _Short(_Formatter):
    converter = staticmethod(time.localtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        text = super().formatMessage(record)
        if record.levelno < logging.WARNING:
            return text
        return text.replace(" ", f" {record.levelname.lower()}: ", 1)
