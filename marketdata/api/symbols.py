"""OpenAlgo's calls on instruments, and those that only tell how things are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Final, Literal

import msgspec

from bus.market.expiry import expiry_word
from bus.market.instruments import named
from identity.authority import Identity
from marketdata.api.endpoint import ApiError, Endpoint, Request, Streamed, openalgo
from marketdata.api.replies import symbols as replies
from marketdata.api.requests import symbols as shapes
from marketdata.api.requests.prices import OneSymbol
from marketdata.catalogue import Catalogue, Listed
from marketdata.market import Market
from marketdata.paper import Paper

_KINDS: Final = {"share": "EQ", "index": "INDEX", "future": "FUT"}


class Symbols:
    """The handlers; `endpoints` are their rows. `catalogue` is asked anew each time."""

    def __init__(self, market: Market, paper: Paper, catalogue: Callable[[], Catalogue]) -> None:
        self._market = market
        self._paper = paper
        self._catalogue = catalogue

    def endpoints(self) -> list[Endpoint]:
        row = partial(openalgo, right="prices")
        return [
            row(
                "symbol",
                "One instrument",
                OneSymbol,
                replies.OneSymbol,
                self.symbol,
            ),
            row("search", "Search instruments", shapes.Search, replies.Symbols, self.search),
            row(
                "expiry",
                "Expiry days of an underlying's contracts",
                shapes.Expiry,
                replies.Expiries,
                self.expiry,
            ),
            row(
                "instruments",
                "All instruments of an exchange",
                shapes.Instruments,
                replies.Symbols,
                self.instruments,
                method="GET",
            ),
            row("ping", "Whether the key is good", Request, replies.Ping, self.ping),
            row("analyzer", "Paper trading is on", Request, replies.Analyzer, self.analyzer),
            row(
                "analyzer/toggle",
                "Paper trading cannot be switched off here",
                shapes.AnalyzerToggle,
                replies.Analyzer,
                self.toggle,
            ),
        ]

    async def symbol(self, _who: Identity, asked: OneSymbol) -> replies.OneSymbol:
        listed = await asyncio.to_thread(self._catalogue().find, asked.exchange, asked.symbol)
        if listed is None:
            raise ApiError(
                HTTPStatus.NOT_FOUND, f"Symbol {asked.symbol} not found in {asked.exchange}"
            )
        return replies.OneSymbol(data=symbol_data(listed))

    async def search(self, _who: Identity, asked: shapes.Search) -> replies.Symbols:
        found = await asyncio.to_thread(self._catalogue().search, asked.query, asked.exchange)
        if not found:
            raise ApiError(HTTPStatus.NOT_FOUND, "No matching symbols found")
        return replies.Symbols(
            message=f"Found {len(found)} matching symbols",
            data=[symbol_data(listed) for listed in found],
        )

    async def expiry(self, _who: Identity, asked: shapes.Expiry) -> replies.Expiries:
        kind: Literal["future", "option"] = (
            "option" if asked.instrumenttype == "options" else "future"
        )
        days = await asyncio.to_thread(
            self._catalogue().expiries, asked.symbol.upper(), asked.exchange, kind
        )
        if not days:
            raise ApiError(
                HTTPStatus.NOT_FOUND,
                f"No expiry dates for {asked.symbol} {asked.instrumenttype} in {asked.exchange}",
            )
        what = f"{asked.symbol} {asked.instrumenttype} in {asked.exchange}"
        return replies.Expiries(
            message=f"Found {len(days)} expiry dates for {what}", data=[day_text(d) for d in days]
        )

    async def instruments(self, _who: Identity, asked: shapes.Instruments) -> Streamed:
        pages = self._catalogue().pages(asked.exchange)
        first = await asyncio.to_thread(next, pages, None)
        if first is None:
            raise ApiError(HTTPStatus.NOT_FOUND, f"No instruments of {asked.exchange} are known")
        return Streamed(_told(first, pages))

    async def ping(self, who: Identity, _asked: Request) -> replies.Ping:
        feeds = self._market.allowed(who)
        return replies.Ping(data=replies.PingData(broker=feeds[0].broker if feeds else ""))

    async def analyzer(self, who: Identity, _asked: Request) -> replies.Analyzer:
        orders = 0
        if who.scopes.orders:
            orders = len(await self._paper.do(lambda desk: desk.orders(who.user)))
        return replies.Analyzer(data=replies.AnalyzerData(total_logs=orders))

    async def toggle(self, who: Identity, asked: shapes.AnalyzerToggle) -> replies.Analyzer:
        if not asked.mode:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "This address trades on paper only; for live orders ask OpenAlgo itself",
            )
        reply = await self.analyzer(who, asked)
        reply.data.message = "Analyzer mode is on"
        return reply


async def _told(first: list[Listed], pages: Iterator[list[Listed]]) -> AsyncIterator[bytes]:
    """A reply of some hundred thousand instruments, page by page."""
    yield b'{"status":"success","message":"Instruments","data":['
    page: list[Listed] | None = first
    between = b""
    while page:
        yield between + await asyncio.to_thread(_listed, page)
        between = b","
        page = await asyncio.to_thread(next, pages, None)
    yield b"]}"


def _listed(page: list[Listed]) -> bytes:
    """Without the brackets around them."""
    return msgspec.json.encode([symbol_data(listed) for listed in page])[1:-1]


def symbol_data(listed: Listed) -> replies.SymbolData:
    """As OpenAlgo tells of an instrument; the broker's own name is not kept, the token is."""
    kind, expiry = named(listed.exchange, listed.symbol)
    right = listed.symbol[-2:] if kind == "option" else _KINDS[kind]
    base, strike = _parts(listed.symbol, expiry, right)
    return replies.SymbolData(
        symbol=listed.symbol,
        brsymbol=listed.symbol,
        name=base,
        exchange=listed.exchange,
        brexchange=listed.exchange,
        token=listed.token,
        expiry=day_text(expiry) if expiry is not None else "",
        strike=strike,
        lotsize=listed.lot_size or 1,
        instrumenttype=right,
        tick_size=listed.tick_size / 1e6,
        freeze_qty=listed.freeze_quantity,
    )


def _parts(symbol: str, expiry: date | None, right: str) -> tuple[str, float]:
    """Underlying and strike of a contract; the symbol itself and -0.01 of what has neither."""
    if expiry is None:
        return symbol, -0.01
    base, _, rest = symbol.partition(expiry_word(expiry))
    strike = rest.removesuffix(right)
    return base, float(strike) if right in {"CE", "PE"} and strike else -0.01


def day_text(day: date) -> str:
    """`10-JUL-25`."""
    return day.strftime("%d-%b-%y").upper()
