"""`top`: what runs, live, sorted by what matters now."""

from __future__ import annotations

import click

from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.status import stream_json


@click.command()
@click.option(
    "--interval",
    "-i",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--count", "-n", type=click.IntRange(min=1), help="End after so many looks.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON per look.")
@with_instance
def top(instance: Instance, interval: float, count: int | None, as_json: bool) -> None:
    """Show every process live, with the last seconds of its ticks and latency as lines.

    The columns are the console's; a narrow terminal gets those that matter most. Keys: q leaves;
    n s r c m t l p sort by name, state, restarts, CPU, memory, ticks, losses and latency, the
    same key again the other way round; o is the order in which they were started. What is no
    terminal gets one table after another.

    \b
    Examples:
      openalgo-stream top
      openalgo-stream top --interval 5
      openalgo-stream top --count 1 --json
    """
    if as_json:
        stream_json(instance, interval, count)
        return
    from supervisor.cli.live import show

    show(instance, interval, count, keys=True)
