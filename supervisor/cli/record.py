"""`record`: what flows now into one file, beside whatever else runs."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from supervisor.cli import complete
from supervisor.cli.bars import bar
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError

if TYPE_CHECKING:
    from bus.feed import Feed
    from bus.frames import Frame
    from bus.topics import Mode
    from recording.recorder import Recorder

_LOOK_S: Final = 0.1
_DIRECTORY_S: Final = 1.0
_QUEUE_BYTES: Final = 128 << 20
_CLOSE_S: Final = 60.0


@click.command()
@click.argument("symbols", nargs=-1, metavar="[EXCH:SYMBOL]...")
@click.option("--out", "-o", metavar="FILE", type=click.Path(path_type=Path), help="Where to.")
@click.option("--duration", "-d", metavar="TIME", help="90s, 10m, 1h30m; until Ctrl-C without.")
@click.option(
    "--adapter",
    "-a",
    metavar="NAME",
    help="One adapter's feed only.",
    shell_complete=complete.adapters,
)
@click.option(
    "--mode",
    "-m",
    type=click.Choice(["ltp", "quote", "depth"], case_sensitive=False),
    default="depth",
    show_default=True,
    help="In which mode SYMBOLS are asked for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON at the end.")
@with_instance
def record(
    instance: Instance,
    symbols: tuple[str, ...],
    out: Path | None,
    duration: str | None,
    adapter: str | None,
    mode: str,
    as_json: bool,
) -> None:
    """Record what flows into one file; with SYMBOLS, those and nothing else.

    SYMBOLS are asked of the adapters. Without any, everything that others have asked for is
    recorded and nothing is asked. The file is FILE, or is named by the time of its beginning.

    \b
    Examples:
      openalgo-stream record --duration 10m
      openalgo-stream record --out nifty.rec NSE_INDEX:NIFTY NSE:RELIANCE
    """
    from bus.topics import Mode
    from recording.policy import name_of

    seconds = _seconds(duration)
    _check(symbols)
    out = out or Path(name_of(time.time_ns(), 1))
    recorder = _recorder(out)
    session = _Session(instance, recorder, symbols, adapter, Mode[mode.upper()])
    try:
        with bar(f"recording {out.name}", seconds, quiet=as_json) as progress:
            asyncio.run(session.run(seconds, progress))
    except KeyboardInterrupt:
        click.echo("", err=True)
    finally:
        session.note_loss()
        done = recorder.close(_CLOSE_S)
    stats = recorder.stats()
    told: dict[str, Any] = {
        "file": str(out),
        "records": recorder.recorded_total,
        "bytes": stats["recorded_bytes"],
        "bus_lost": session.lost,
        "queue_lost": stats["queue_lost_total"],
        "disk_lost": recorder.disk_lost_total,
        "refused": session.refused,
    }
    lost = sum(told[key] for key in ("bus_lost", "queue_lost", "disk_lost"))
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{out}: {told['records']} frames, {told['bytes']:,} bytes, {lost} lost")
        for text, why in session.refused.items():
            click.echo(f"not recorded: {text}: {why}", err=True)
    if not done or recorder.trouble:
        raise UserError(f"{out}: not all was written: {recorder.trouble or 'too slow a disk'}")


class _Session:
    """Follows the adapters through their restarts, and hands on what they publish."""

    def __init__(
        self,
        instance: Instance,
        recorder: Recorder,
        symbols: tuple[str, ...],
        adapter: str | None,
        mode: Mode,
    ) -> None:
        from recording.choice import Choice

        self.lost = 0
        self._instance = instance
        self._recorder = recorder
        self._symbols = symbols
        self._adapter = adapter
        self._mode = mode
        self._choice = Choice([adapter] if adapter else [])
        self._asked: set[str] = set()
        #: Topics that were asked for, as a person says them; those that are not fed, and why.
        self._wanted: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._since_ns = time.time_ns()
        self._noted = 0

    async def run(self, seconds: float | None, progress: Any) -> None:
        """Until the time is over or somebody interrupts."""
        import zmq

        from bus.control.messages import DirectoryReply, DirectoryRequest
        from bus.subscriber import Subscriber

        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        subscriber = Subscriber(
            context,
            secret=self._instance.running().secret,
            on_frames=self._took,
            tap=not self._symbols,
        )
        began = asked_at = time.monotonic()
        asked_at -= _DIRECTORY_S
        try:
            while seconds is None or time.monotonic() - began < seconds:
                if time.monotonic() - asked_at >= _DIRECTORY_S:
                    asked_at = time.monotonic()
                    ask = partial(self._instance.ask, DirectoryRequest(), DirectoryReply)
                    self._follow(subscriber, (await asyncio.to_thread(ask)).publishers)
                    self.note_loss()
                left = _LOOK_S if seconds is None else seconds - (time.monotonic() - began)
                await asyncio.sleep(max(0.0, min(_LOOK_S, left)))
                self.lost = subscriber.lost_total
                passed = time.monotonic() - began
                progress(self._recorder.recorded_total if seconds is None else passed)
        finally:
            self.lost = subscriber.lost_total
            subscriber.close()
            context.term()

    def _took(self, _feed: Feed, frames: list[Frame]) -> None:
        from bus.events import Rejected, decode_event
        from bus.frames import Kind

        self._recorder.record(self._choice.of(frames))
        for frame in frames if self._symbols else ():
            event = decode_event(frame.payload) if frame.kind == Kind.EVENT else None
            if isinstance(event, Rejected) and event.topic in self._wanted:
                self.refused[self._wanted[event.topic]] = event.message

    def note_loss(self) -> None:
        """What did not arrive over the bus is noted in the recording."""
        from recording.notes import Gap

        now_ns = time.time_ns()
        if self.lost > self._noted:
            self._recorder.gap(Gap("bus", self.lost - self._noted, self._since_ns, now_ns))
        self._noted, self._since_ns = self.lost, now_ns

    def _follow(self, subscriber: Any, publishers: Any) -> None:
        from bus.topics import Topic

        chosen = [entry for entry in publishers if self._choice.publisher(entry)]
        if not chosen:
            wanted = f"adapter {self._adapter!r}" if self._adapter else "adapter"
            if not self._asked:
                raise UserError(f"no {wanted} is up", "See `openalgo-stream status`.")
        for name in {entry.adapter for entry in chosen} - self._asked:
            self._asked.add(name)
            for text in self._symbols:
                exchange, _, symbol = text.partition(":")
                topic = Topic.make(name, exchange, symbol, self._mode)
                self._wanted[topic.text] = f"{text} at {name}"
                subscriber.subscribe(name, topic.wire)
        subscriber.follow(chosen)


def _recorder(out: Path) -> Recorder:
    from bus.clock import SystemClock
    from recording.recorder import Recorder
    from recording.writer import FileSink

    try:
        sink = FileSink(out, time.time_ns())
    except OSError as error:
        raise UserError(f"{out}: cannot be made: {error.strerror}", "Name another --out.") from None
    return Recorder(lambda: sink, clock=SystemClock(), queue_bytes=_QUEUE_BYTES, fsync_s=1.0)


def _seconds(duration: str | None) -> float | None:
    from recording.moments import seconds_of

    try:
        return None if duration is None else seconds_of(duration)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _check(symbols: tuple[str, ...]) -> None:
    from bus.errors import TopicError
    from bus.topics import check_instrument

    for text in symbols:
        exchange, _, symbol = text.partition(":")
        try:
            check_instrument(exchange, symbol)
        except TopicError as error:
            raise click.UsageError(f"{text!r} is not EXCHANGE:SYMBOL: {error}") from None
