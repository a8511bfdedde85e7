"""The shell around every supervised process: settings in, hello, heartbeats, stop.

The supervisor starts `python -m <package>` and writes one line of JSON, a `Bootstrap`, to its
standard input; secrets travel on that private pipe, and new ones for an adapter on the control
plane, which is bound to loopback. The process then says hello on the control plane and beats
once a second from its event loop, so that a beat means "my loop turns", not "my pid exists".

A dead supervisor stops nothing: the control socket reconnects by itself, and only when nobody
has answered for `orphan_grace_s` does the process end itself.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import sys
from collections.abc import Callable

import msgspec

from bus.control.bootstrap import Bootstrap
from bus.control.exits import Exit
from bus.control.service import ExitError, Host, Service
from bus.control.shell import Shell
from bus.logs.chain import configure
from bus.secret import decode_secret

logger = logging.getLogger(__name__)


def run(build: Callable[[Host, Bootstrap], Service]) -> None:
    """The whole life of a process; does not return."""
    faulthandler.enable()  # SIGABRT from the supervisor dumps the stacks of a hung process
    boot = _read_bootstrap()
    configure(boot.name, boot.generation, life=boot.life, role=boot.role)
    try:
        asyncio.run(_live(boot, build))
    except ExitError as error:
        logger.error("%s", error)  # noqa: TRY400 - its text is the whole story
        _exit(error.code)
    except Exception:
        logger.exception("ended by a defect")
        _exit(Exit.BUG)
    _exit(Exit.CLEAN)


async def _live(boot: Bootstrap, build: Callable[[Host, Bootstrap], Service]) -> None:
    shell = Shell(boot, build)
    shell.catch_signals()
    await shell.live()


def _read_bootstrap() -> Bootstrap:
    line = sys.stdin.buffer.readline()
    try:
        return msgspec.json.decode(line, type=Bootstrap, dec_hook=decode_secret)
    except msgspec.DecodeError:
        sys.stderr.write(
            "This process is started by `openalgo-stream up`, which tells it what to do.\n"
        )
        _exit(Exit.CONFIGURATION)
        raise


def _exit(code: Exit) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(int(code))
