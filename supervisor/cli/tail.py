"""`tail`: live ticks in the terminal, straight from the bus."""

from __future__ import annotations

import asyncio
import time

import click
import msgspec
import zmq

from bus.control.messages import DirectoryReply, DirectoryRequest, PublisherEntry
from bus.errors import TopicError
from bus.events import Rejected, decode_event
from bus.feed import Feed
from bus.frames import Frame, Kind
from bus.secret import Secret
from bus.subscriber import Subscriber
from bus.topics import EXCHANGES, Mode, Topic
from supervisor.cli import complete
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import UserError


@click.command()
@click.argument("instruments", nargs=-1, required=True, metavar="EXCH:SYMBOL...")
@click.option(
    "--mode",
    "-m",
    type=click.Choice(["ltp", "quote", "depth"], case_sensitive=False),
    default="ltp",
    show_default=True,
)
@click.option(
    "--adapter",
    "-a",
    metavar="NAME",
    help="Whose feed; the first adapter's if left out.",
    shell_complete=complete.adapters,
)
@click.option("--count", "-n", type=click.IntRange(min=1), help="End after so many ticks.")
@click.option("--json", "as_json", is_flag=True, help="Print each tick's JSON.")
@with_instance
def tail(
    instance: Instance,
    instruments: tuple[str, ...],
    mode: str,
    adapter: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Print the ticks of instruments as they come; Ctrl-C ends it.

    \b
    Examples:
      openalgo-stream tail NSE:RELIANCE NSE_INDEX:NIFTY
      openalgo-stream tail NFO:NIFTY30DEC2526000CE --mode depth -n 10 --json
    """
    publishers = instance.ask(DirectoryRequest(), DirectoryReply).publishers
    entry = _choose([entry for entry in publishers if entry.ticks], adapter)
    topics = [_topic(text, entry.adapter, Mode[mode.upper()]) for text in instruments]
    printer = _Printer(count, as_json=as_json)
    try:
        asyncio.run(_tail(instance, instance.running().secret, entry.adapter, topics, printer))
    except KeyboardInterrupt:
        click.echo(f"{printer.printed} ticks, {printer.lost} lost", err=True)


def _choose(publishers: list[PublisherEntry], adapter: str | None) -> PublisherEntry:
    if not publishers:
        raise UserError("no adapter is up", "See `openalgo-stream status` for the reason.")
    for entry in publishers:
        if adapter in {None, entry.adapter}:
            return entry
    known = ", ".join(entry.adapter for entry in publishers)
    raise UserError(f"no adapter {adapter!r} is up", f"There are: {known}.")


def _topic(text: str, adapter: str, mode: Mode) -> Topic:
    exchange, colon, symbol = text.partition(":")
    try:
        if not colon:
            raise TopicError(f"{text!r} is not EXCHANGE:SYMBOL, as in NSE:RELIANCE")
        return Topic.make(adapter, exchange.upper(), symbol.upper(), mode)
    except TopicError as error:
        hint = f"Exchanges: {', '.join(EXCHANGES)}."
        raise click.UsageError(f"{error}\n{hint}") from None


class _Printer:
    """Prints frames until `count` were printed."""

    def __init__(self, count: int | None, *, as_json: bool) -> None:
        self.printed = 0
        self.lost = 0
        self.error: UserError | None = None
        self._count = count
        self._as_json = as_json
        self._rejected: set[str] = set()

    def done(self) -> bool:
        return self.error is not None or (self._count is not None and self.printed >= self._count)

    def print(self, feed: Feed, frames: list[Frame], topics: set[str]) -> None:
        self.lost = feed.loss.lost_total
        for frame in frames:
            if self.done():
                return
            if frame.kind == Kind.EVENT:
                self._note_rejection(frame, topics)
            else:
                self._print(frame)

    def _print(self, frame: Frame) -> None:
        self.printed += 1
        if self._as_json:
            click.echo(frame.payload.decode())
            return
        data = msgspec.json.decode(frame.payload)
        age_ms = (time.time_ns() - frame.received_ns) / 1e6
        click.echo(f"{_clock(frame.received_ns)}  {_line(data)}  ({age_ms:.1f} ms)")

    def _note_rejection(self, frame: Frame, topics: set[str]) -> None:
        event = decode_event(frame.payload)
        if isinstance(event, Rejected) and event.topic in topics:
            self._rejected.add(event.topic)
            click.echo(f"{event.topic}: {event.message}", err=True)
            if self._rejected == topics:
                self.error = UserError("the adapter feeds none of these instruments")


def _line(data: dict[str, object]) -> str:
    """A tick in one line; what a mode does not have is left out."""
    name = f"{data['exchange']}:{data['symbol']}"
    parts = [f"{name:<30}", f"{data['ltp']:>12.2f}"]
    if "change" in data:
        parts.append(f"{data['change']:+.2f} ({data['change_percent']:+.2f} %)")
    if "bid_price" in data and "ask_price" in data:
        parts.append(f"{data['bid_price']} x {data['ask_price']}")
    if "volume" in data:
        parts.append(f"vol {data['volume']:,}")
    return "  ".join(parts)


def _clock(unix_ns: int) -> str:
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{rest // 1_000_000:03d}"


async def _tail(
    instance: Instance, secret: Secret, adapter: str, topics: list[Topic], printer: _Printer
) -> None:
    """Follow the adapter through its restarts: ask for the directory once a second."""
    texts = {topic.text for topic in topics}
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = Subscriber(
        context,
        secret=secret,
        on_frames=lambda feed, frames: printer.print(feed, frames, texts),
    )
    try:
        for topic in topics:
            subscriber.subscribe(adapter, topic.wire)
        asked_at = 0.0
        while not printer.done():
            if time.monotonic() - asked_at >= 1.0:
                asked_at = time.monotonic()
                reply = await asyncio.to_thread(instance.ask, DirectoryRequest(), DirectoryReply)
                subscriber.follow(entry for entry in reply.publishers if entry.adapter == adapter)
            await asyncio.sleep(0.02)
    finally:
        subscriber.close()
        context.term()
    if printer.error is not None:
        raise printer.error
