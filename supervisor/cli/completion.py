"""`completion`: the script with which a shell completes our commands."""

from __future__ import annotations

import click

from supervisor.cli.names import COMPLETE_VARIABLE, PROGRAM
from supervisor.errors import UserError

_INSTALL = {
    "bash": 'Put this line into ~/.bashrc:  eval "$(openalgo-stream completion bash)"',
    "zsh": 'Put this line into ~/.zshrc:  eval "$(openalgo-stream completion zsh)"',
    "fish": (
        "Run once:  openalgo-stream completion fish "
        "> ~/.config/fish/completions/openalgo-stream.fish"
    ),
}


@click.command()
@click.argument("shell", type=click.Choice(list(_INSTALL)))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options and names with Tab.

    It completes the names of processes, adapters, brokers, roles and keys, too. Its first line
    says where to put it.

    \b
    Examples:
      openalgo-stream completion bash > ~/.openalgo-stream-complete
      openalgo-stream completion fish > ~/.config/fish/completions/openalgo-stream.fish
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    if kind is None:
        raise UserError(f"{shell} cannot be completed here")
    click.echo(f"# {_INSTALL[shell]}")
    click.echo(kind(root, {}, PROGRAM, COMPLETE_VARIABLE).source())
