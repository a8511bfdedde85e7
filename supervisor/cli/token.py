"""`token set`: a broker's new token, without downtime."""

from __future__ import annotations

import os
import sys

import click

from bus.control.messages import Done, TokenRequest
from bus.secret import Secret
from supervisor.cli import complete
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.progress import follow
from supervisor.errors import UserError


@click.group()
def token() -> None:
    """Give adapters new broker tokens while they run.

    \b
    Examples:
      openalgo-stream token set zerodha --from-env KITE_ACCESS_TOKEN
    """


@token.command("set")
@click.argument("name", shell_complete=complete.adapters)
@click.option("--field", default="access_token", show_default=True, help="Which credential it is.")
@click.option("--from-env", "variable", metavar="VAR", help="Read it from this variable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def set_token(
    instance: Instance, name: str, field: str, variable: str | None, as_json: bool
) -> None:
    """Give the adapter NAME a new token, read from standard input.

    An adapter that runs is handed over to a generation with the new token, and no client
    notices; one that waits for a token goes on at once. The token is kept in memory: let the
    configuration name the new one, too, before the next `up`.

    \b
    Examples:
      openalgo-stream token set zerodha < todays-token
      openalgo-stream token set zerodha --from-env KITE_ACCESS_TOKEN
    """
    instance.ask(TokenRequest(name, field, _read(variable)), Done)
    follow(instance, name, as_json=as_json)


def _read(variable: str | None) -> Secret:
    if variable is not None:
        value = os.environ.get(variable, "")
        where = f"the environment variable {variable}"
    elif sys.stdin.isatty():
        value, where = click.prompt("Token", hide_input=True), "the answer"
    else:
        value, where = sys.stdin.readline().strip(), "standard input"
    if not value:
        raise UserError(f"{where} is empty", "Give the token there; never as an argument.")
    return Secret(value)
