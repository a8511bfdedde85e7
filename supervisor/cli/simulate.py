"""`simulate BROKER`: a pretend broker that speaks the real wire protocol."""

from __future__ import annotations

from typing import Any

import click

from bus.settings import SimulatorSettings
from supervisor.cli import complete


@click.command()
@click.argument("broker", shell_complete=complete.brokers)
@click.option("--data", metavar="FILE", default="", help="Recorded market data to play.")
@click.option("--master", metavar="FILE", default="", help="Instrument master that names it.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Times real time; 0 plays as fast as it goes.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=150.0,
    show_default=True,
    help="Ticks per second of the synthetic market at speed 1.",
)
@click.option(
    "--orders-per-minute",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Orders that the account makes up; none is the default.",
)
@click.option("--loop", is_flag=True, help="Begin again at the end of the data.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0, the default: any free port."
)
@click.option("--date", metavar="YYYY-MM-DD", default="", help="Day of the synthetic session.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the synthetic market.")
def simulate(broker: str, **options: Any) -> None:
    """Serve a pretend BROKER on loopback, from recorded data or a synthetic market.

    Without --data it is a seeded market of some 50 NSE instruments that never closes. With
    --data, playing begins when the first client subscribes.

    \b
    Examples:
      openalgo-stream simulate zerodha --port 9001
      openalgo-stream simulate zerodha --data ticks.jsonl.gz --speed 10 --loop
    """
    from simulators.cli import run

    settings = SimulatorSettings(broker=broker, **options)
    run(settings)
