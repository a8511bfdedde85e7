"""The command line: `openalgo-stream COMMAND`.

Commands are imported when they are called, so that `status` does not pay for what `up` needs.
The command line is the one place that may reach into every package: it composes.

Exit codes: 0 fine, 1 failed, 2 usage, 3 no supervisor is running, 4 fine with warnings (`doctor`).
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import Final

import click

from bus import __version__
from bus.errors import StreamError
from supervisor.cli.names import COMPLETE_VARIABLE, PROGRAM
from supervisor.errors import FAILED, UserError

#: Command -> the module here that holds it, in the order of the help.
COMMANDS: Final = {
    "up": "up",
    "down": "control",
    "status": "status",
    "top": "top",
    "restart": "control",
    "reload": "control",
    "logs": "logs",
    "tail": "tail",
    "keys": "keys",
    "token": "token",
    "instruments": "instruments",
    "brokers": "brokers",
    "config": "configure",
    "doctor": "doctor",
    "record": "record",
    "recordings": "recordings",
    "replay": "replay",
    "simulate": "simulate",
    "decode": "decode",
    "bench": "bench",
    "completion": "completion",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is none like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args else []
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None
            raise

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = getattr(importlib.import_module(f"supervisor.cli.{module}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--config", "-c", metavar="FILE", help="The configuration file.")
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Live market data for OpenAlgo clients, as a supervised system.

    The configuration is --config FILE, else $OPENALGO_STREAM_CONFIG, else ./openalgo-stream.toml.

    \b
    Examples:
      openalgo-stream up --demo            a simulated market, no account needed
      openalgo-stream status --watch       what runs, and how
      openalgo-stream tail NSE:RELIANCE    live prices in the terminal
      openalgo-stream restart zerodha      one broker, nothing else
      openalgo-stream doctor               what is wrong, and what mends it

    \b
    Exit codes:
      0  fine
      1  failed; what and why is on standard error
      2  wrong usage
      3  no supervisor is running
      4  fine, with warnings (doctor)

    Commands print data on standard output and all else on standard error; --json gives the
    same for programs. Colours are for terminals only, and never with NO_COLOR. COMMAND --help
    explains each with examples; `completion` lets your shell complete them.
    """
    ctx.obj = config
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """The console script. Errors are one clear line and what to do; defects say where."""
    try:
        code = cli.main(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except UserError as error:
        _say(str(error), error.remedy)
        code = error.exit_code
    except StreamError as error:
        _say(str(error), "")
        code = FAILED
    except BrokenPipeError:  # `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("OPENALGO_STREAM_DEBUG"):
            raise
        _say(
            f"a defect of openalgo-stream: {type(error).__name__}: {error}",
            "Run again with OPENALGO_STREAM_DEBUG=1 and report what it prints.",
        )
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str, remedy: str) -> None:
    for line in message.splitlines():
        colour = False if os.environ.get("NO_COLOR") else None
        click.secho(f"error: {line}", fg="red", err=True, color=colour)
    if remedy:
        click.echo(remedy, err=True)
