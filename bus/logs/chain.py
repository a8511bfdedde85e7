"""Log lines of every process: JSON in files, short lines for a person at a terminal.

Everything is logged with the standard library's loggers, our own modules as well as uvicorn,
websockets and asyncio, and rendered by structlog in one place: so one line looks like the next,
and no line gets past redaction (`bus.logs.redaction`). Each has, beside time, level, module and
text,

    process, generation   whose line it is
    life                  a random word per generation, the same in the supervisor's lines about it
    adapter               of an adapter's process
    exception             the traceback, when there is one

and what was given as `extra` or bound with `structlog.contextvars`. Control characters are
escaped, so that no broker or client can forge a line. `bus.logs.lines` reads such lines.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bus.logs.lines import FIRST, escaped
from bus.logs.redaction import redact
from bus.logs.structure import EventDict, Processor, structlog


def configure(name: str, generation: int, *, life: str = "", role: str = "") -> None:
    """Log to standard error, which the supervisor keeps in the process's file."""
    context = {
        "process": name,
        "generation": generation,
        **({"life": life} if life else {}),
        **({"adapter": name} if role == "adapter" else {}),
    }
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(context, _as_json))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # A peer that probes the port, or breaks its handshake, is no news at this level.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)


def file_handler(path: Path, name: str) -> logging.Handler:
    """JSON lines, appended to a file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_formatter({"process": name}, _as_json))
    return handler


def terminal_handler() -> logging.Handler:
    """Short lines for a person: local time and text, the level where it is not plain news."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter({}, _for_people))
    return handler


def _formatter(context: dict[str, Any], render: Processor) -> logging.Formatter:
    def bind(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event.update(context)
        return event

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            _stamp,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
            _without_colours,
            bind,
            structlog.processors.format_exc_info,
            _escape,
            redact,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )


def _stamp(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """When it was logged, not when it is written."""
    record: logging.LogRecord = event["_record"]
    moment = datetime.fromtimestamp(record.created, UTC)
    event["timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return event


def _without_colours(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """uvicorn brings its messages a second time, for a terminal with colours."""
    event.pop("color_message", None)
    return event


def _escape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["event"] = escaped(str(event["event"]))
    if "exception" in event:
        event["exception"] = "\n".join(map(escaped, event["exception"].split("\n")))
    return event


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    """The time first, so that lines of several files sort by their text."""
    ordered = {key: event.pop(key) for key in FIRST if key in event}
    return msgspec.json.encode({**ordered, **event}, enc_hook=repr).decode()


def _for_people(_logger: Any, _method: str, event: EventDict) -> str:
    local = datetime.fromisoformat(event["timestamp"]).astimezone()
    level = event["level"]
    shown = f"{level}: " if level not in {"info", "debug"} else ""
    traceback = f"\n{event['exception']}" if "exception" in event else ""
    return f"{local:%H:%M:%S} {shown}{event['event']}{traceback}"
