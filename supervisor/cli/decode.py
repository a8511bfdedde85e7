"""`decode`: a broker's captured frames into ticks, without any running system."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("broker")
@click.argument("file", type=click.Path(path_type=Path))
def decode(broker: str, file: Path) -> None:
    """Decode captured frames of BROKER in FILE; one JSON line per case.

    FILE is JSON: a list of cases with `name`, `context.instruments` (token to symbol and
    exchange) and `frames` (`kind` binary with hex `data`, or text).

    \b
    Example:
      openalgo-stream decode zerodha captured.json
    """
    from adapters.decode import decode_file

    for line in decode_file(broker, file):
        click.echo(json.dumps(line))
