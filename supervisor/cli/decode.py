"""`decode`: a broker's captured frames into ticks, without any running system."""

from __future__ import annotations

import json
from pathlib import Path

import click

from supervisor.cli import complete


@click.command()
@click.argument("broker", shell_complete=complete.brokers)
@click.argument("file", type=click.Path(path_type=Path))
def decode(broker: str, file: Path) -> None:
    """Decode captured frames of BROKER in FILE; one JSON line per case.

    FILE is JSON: a list of cases with `name`, `context.instruments` (token to symbol and
    exchange) and `frames` (`kind` binary with hex `data`, or text).

    \b
    Examples:
      openalgo-stream decode zerodha captured.json
    """
    from adapters.decode import decode_file

    for line in decode_file(broker, file):
        click.echo(json.dumps(line))
