"""What the commands about recordings have in common."""

from __future__ import annotations

from pathlib import Path

import click

from supervisor import config
from supervisor.cli.instance import Instance

path_argument = click.argument("path", required=False, type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def folder_of(instance: Instance, path: Path | None) -> Path:
    """The recording that is meant: the one that is named, else this instance's own."""
    return path if path is not None else config.recordings_folder(instance.file)


def moment(at_ns: int) -> str:
    """In India's time; a dash for none."""
    from recording.moments import in_india

    return in_india(at_ns).strftime("%Y-%m-%d %H:%M:%S") if at_ns else "-"


def moment_of(text: str | None, otherwise: int) -> int:
    """What an option says; `otherwise` also is what its day or distance counts from."""
    from recording import moments

    try:
        return otherwise if text is None else moments.moment_of(text, otherwise)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
