"""Out of descriptors: told once in ten seconds; anything else as the event loop would."""

import asyncio
import errno
import logging
import os

from bus.control.exhaustion import Exhaustion


class Hands:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self):
        return self.now

    def unix_ns(self):
        return 0


def told(caplog, *contexts, clock):
    exhaustion = Exhaustion(clock)
    loop = asyncio.new_event_loop()
    try:
        with caplog.at_level(logging.ERROR):
            for at, context in contexts:
                clock.now = at
                exhaustion.handle(loop, context)
    finally:
        loop.close()
    return [record.getMessage() for record in caplog.records]


def test_thousands_of_refused_accepts_are_a_line_in_ten_seconds(caplog):
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    context = {"message": "socket.accept() out of system resource", "exception": error}
    moments = [0.0] * 2000 + [9.9] * 2000 + [10.0] * 2000
    lines = told(caplog, *((at, context) for at in moments), clock=Hands())
    assert len(lines) == 2
    assert error.strerror in lines[0]


def test_other_exceptions_are_told_as_ever(caplog):
    context = {"message": "a task's exception", "exception": ValueError("7")}
    assert told(caplog, (0.0, context), (0.0, context), clock=Hands()) == ["a task's exception"] * 2
