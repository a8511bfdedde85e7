"""`doctor`: what is wrong here, and the command that mends it."""

from __future__ import annotations

import json
from typing import Final

import click

from supervisor.cli.instance import Instance, with_instance
from supervisor.diagnosis.checks import examine
from supervisor.diagnosis.findings import Finding, Level
from supervisor.errors import DEGRADED, FAILED

_MARKS: Final = {Level.OK: "+", Level.NOTE: "-", Level.WARNING: "!", Level.ERROR: "x"}
_COLOURS: Final = {Level.OK: "green", Level.NOTE: None, Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_instance
def doctor(instance: Instance, as_json: bool) -> None:
    """Look for what is wrong: each finding comes with the command that mends it.

    Looked at are Python and libraries, the configuration, processes, ports and who has them,
    permissions, the clock, the limit of open files, tokens and when they end, the age of the
    instruments, disks, what earlier runs left, and OpenAlgo's database. Nothing is changed.

    Exit code 0: nothing is wrong; 1: an error (x); 4: warnings (!) only.

    \b
    Examples:
      openalgo-stream doctor
      openalgo-stream doctor --config trading.toml
      openalgo-stream doctor --json | jq '.findings[] | select(.level == "error")'
    """
    from supervisor.cli.gathering import gather

    findings = examine(gather(instance))
    worst = max(finding.level for finding in findings)
    if as_json:
        told = {"worst": worst.name.lower(), "findings": [_as_json(one) for one in findings]}
        click.echo(json.dumps(told))
    else:
        for finding in findings:
            _print(finding)
    if worst >= Level.WARNING:
        raise SystemExit(FAILED if worst is Level.ERROR else DEGRADED)


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "level": finding.level.name.lower(),
        "text": finding.text,
        "remedy": finding.remedy,
    }


def _print(finding: Finding) -> None:
    mark = click.style(_MARKS[finding.level], fg=_COLOURS[finding.level], bold=True)
    click.echo(f"{mark} {finding.check:<12} {finding.text}")
    if finding.remedy:
        click.echo(f"{'':15}-> {finding.remedy}")
