"""Running a simulator as a process: until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from simulators.server import SimulatorServer
from simulators.settings import HOST

if TYPE_CHECKING:
    from types import FrameType

    from bus.settings import SimulatorSettings


def run(settings: SimulatorSettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SimulatorError: a setting, file or port that cannot be used.
    """
    asyncio.run(_serve(settings))


async def _serve(settings: SimulatorSettings) -> None:
    server = SimulatorServer(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopped.set)

    # signal.signal, not the loop's own handlers: Windows has those not.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        await server.start()
        click.echo(_greeting(server))
        await stopped.wait()
    finally:
        stats = server.stats()
        await server.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    click.echo(
        f"{settings.broker} simulator stopped: {stats['ticks_sent']} ticks in "
        f"{stats['frames_sent']} frames sent, {stats['position']} rows played"
    )


def _greeting(server: SimulatorServer) -> str:
    settings = server.settings
    source = settings.data or f"seed {settings.seed}"
    return (
        f"{settings.broker} simulator on ws://{HOST}:{server.port} "
        f"({len(server.market.instruments)} instruments, {source})\n"
        f"settings of an adapter that uses it:\n{server.hint()}"
    )
