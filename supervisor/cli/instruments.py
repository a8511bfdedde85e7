"""`instruments sync|search|show`: the brokers' instrument masters, with or without a supervisor."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from supervisor import config
from supervisor.cli import complete
from supervisor.cli.bars import waiting
from supervisor.cli.instance import Instance, with_instance
from supervisor.cli.openalgo_logins import resolved
from supervisor.demo import with_demo
from supervisor.errors import FAILED, UserError

if TYPE_CHECKING:
    from adapters.instruments.book import InstrumentBook
    from adapters.instruments.file import MasterFile
    from bus.settings import AdapterSettings

_adapter_option = click.option(
    "--adapter",
    "-a",
    metavar="NAME",
    help="One adapter only.",
    shell_complete=complete.adapters,
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def instruments() -> None:
    """Fetch, search and show the instruments that adapters know.

    \b
    Examples:
      openalgo-stream instruments sync
      openalgo-stream instruments search reliance
      openalgo-stream instruments show NSE:RELIANCE
    """


@instruments.command()
@_adapter_option
@_json_option
@with_instance
def sync(instance: Instance, adapter: str | None, as_json: bool) -> None:
    """Load the instrument masters anew; running adapters take them within half a minute.

    An adapter does this itself once a day. A master that cannot be had leaves the old one.

    \b
    Examples:
      openalgo-stream instruments sync
      openalgo-stream instruments sync --adapter dhan --json
    """
    instance.paths.make()
    results = [
        _sync(name, settings, _file(instance, name), quiet=as_json)
        for name, settings in _adapters(instance, adapter, with_logins=True).items()
    ]
    if as_json:
        click.echo(json.dumps(results))
    if any("error" in result for result in results):
        raise SystemExit(FAILED)


def _sync(name: str, settings: AdapterSettings, file: MasterFile, *, quiet: bool) -> dict[str, Any]:
    from adapters.codec import Account
    from adapters.errors import AdapterError
    from adapters.instruments.origin import origin_of
    from adapters.registry import find

    begun = time.monotonic()
    try:
        broker = find(settings.broker)
        account = Account(credentials=settings.credentials, url=settings.url)
        if not settings.instruments:
            broker.require(account)
        origin = origin_of(settings, broker, account)
        with _progress(name, quiet=quiet) as progress:
            made = file.make(origin, time.time(), progress)
            book = file.adopt(*made, None)
    except AdapterError as error:
        if not quiet:
            click.secho(f"{name}: {error}", fg="red", err=True)
        return {"adapter": name, "error": str(error)}
    seconds = round(time.monotonic() - begun, 2)
    if not quiet:
        left_out = book.skipped + book.duplicates
        click.echo(f"{name}: {len(book)} instruments in {seconds} s, {left_out} rows left out")
    return {
        "adapter": name,
        "instruments": len(book),
        "skipped": book.skipped,
        "duplicates": book.duplicates,
        "seconds": seconds,
    }


@instruments.command()
@click.argument("text")
@_adapter_option
@click.option("--exchange", "-e", default="", help="One exchange only.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most.")
@_json_option
@with_instance
def search(
    instance: Instance, text: str, adapter: str | None, exchange: str, limit: int, as_json: bool
) -> None:
    """List instruments whose symbol holds TEXT, the nearest first.

    \b
    Examples:
      openalgo-stream instruments search reliance
      openalgo-stream instruments search NIFTY25NOV --exchange NFO --limit 100
    """
    found = [
        {"adapter": name, "exchange": row.exchange, "symbol": row.symbol, "token": row.token}
        for name, book in _books(instance, adapter)
        for row in book.search(text, exchange.upper(), limit)
    ]
    _print(found, as_json=as_json)


@instruments.command()
@click.argument("instrument", metavar="EXCHANGE:SYMBOL")
@_adapter_option
@_json_option
@with_instance
def show(instance: Instance, instrument: str, adapter: str | None, as_json: bool) -> None:
    """Show what each broker calls an instrument, and what else it calls the same.

    \b
    Examples:
      openalgo-stream instruments show NSE:RELIANCE
    """
    exchange, colon, symbol = instrument.partition(":")
    if not colon:
        raise click.UsageError(f"{instrument!r} is not EXCHANGE:SYMBOL, as in NSE:RELIANCE")
    exchange, symbol = exchange.upper(), symbol.upper()
    found: list[dict[str, Any]] = []
    for name, book in _books(instance, adapter):
        token = book.find(exchange, symbol)
        if token is not None:
            others = [f"{e}:{s}" for e, s in book.names(token) if (e, s) != (exchange, symbol)]
            row = {"adapter": name, "exchange": exchange, "symbol": symbol, "token": token}
            found.append({**row, "same_as": others})
    if not found:
        raise UserError(
            f"no adapter has {symbol} on {exchange}",
            f"Look for it with `openalgo-stream instruments search {symbol}`.",
        )
    _print(found, as_json=as_json)


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        name = f"{row['exchange']}:{row['symbol']}"
        same = f"  = {' '.join(row['same_as'])}" if row.get("same_as") else ""
        click.echo(f"{row['adapter']:<14}{name:<36}{row['token']}{same}")


# --- which files --------------------------------------------------------------------------


def _adapters(
    instance: Instance, only: str | None, *, with_logins: bool = False
) -> dict[str, AdapterSettings]:
    """The configured adapters, or the one that is named; all less those that have no master."""
    settings = config.load(instance.file)
    if instance.file is None:
        settings = with_demo(settings)
    if with_logins:
        settings = resolved(settings)
    adapters = settings.adapters
    if only is not None and only not in adapters:
        names = ", ".join(adapters) or "none"
        raise UserError(f"no adapter is named {only!r}", f"There are: {names}.")
    return {
        name: _aimed(instance, adapter)
        for name, adapter in adapters.items()
        if name == only or (only is None and not _is_source(adapter.broker))
    }


def _is_source(name: str) -> bool:
    from adapters.errors import UnknownBrokerError
    from adapters.registry import find_any
    from adapters.source import Source

    try:
        return isinstance(find_any(name), Source)
    except UnknownBrokerError:  # told where it is used
        return False


def _aimed(instance: Instance, adapter: AdapterSettings) -> AdapterSettings:
    """A simulator's address is known only while a supervisor runs it."""
    import msgspec

    from bus.control.messages import StatusReply, StatusRequest

    if not adapter.instruments.startswith("simulator:"):
        return adapter
    name = adapter.instruments.removeprefix("simulator:")
    reply = instance.ask(StatusRequest(), StatusReply)
    endpoint = next((p.endpoint for p in reply.processes if p.name == name), "")
    location = endpoint.replace("ws://", "http://") + "/instruments"
    return msgspec.structs.replace(adapter, instruments=location)


def _file(instance: Instance, adapter: str) -> MasterFile:
    from adapters.instruments.file import MasterFile

    return MasterFile(instance.paths.instruments, adapter)


def _books(instance: Instance, only: str | None) -> Iterator[tuple[str, InstrumentBook]]:
    """The masters that are there, whether their adapters run or not."""
    names = [only] if only else sorted(p.stem for p in instance.paths.instruments.glob("*.db"))
    opened = [(name, _file(instance, name).open()) for name in names]
    books = [(name, book) for name, book in opened if book is not None]
    if not books:
        raise UserError(
            f"there are no instruments yet{f' of {only}' if only else ''}",
            "Fetch them with `openalgo-stream instruments sync`.",
        )
    yield from books


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """What is being done, on the terminal."""
    with waiting(name, quiet=quiet) as say:

        def progress(doing: str, done: int) -> None:
            amount = f"{done / 1e6:.1f} MB" if doing.startswith("fetching") else f"{done:,}"
            say(f"{name}: {doing} {amount}")

        yield progress
