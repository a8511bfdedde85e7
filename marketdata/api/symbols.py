"""OpenAlgo's calls on instruments, and those that only tell how things are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from typing import Final, Literal

from bus.clock import Clock
from bus.market.hours import HOURS, IST
from bus.market.instruments import named
from identity.authority import Identity
from marketdata.api import shapes
from marketdata.api.endpoint import ApiError, Endpoint, Request, openalgo
from marketdata.api.replies import symbols as replies
from marketdata.api.replies.common import Success
from marketdata.catalogue import Catalogue, Listed
from marketdata.market import Market
from marketdata.paper import Paper

_KINDS: Final = {"share": "EQ", "index": "INDEX", "future": "FUT"}


class Symbols:
    """The handlers; `endpoints` are their rows. `catalogue` is asked anew each time."""

    def __init__(
        self, market: Market, paper: Paper, catalogue: Callable[[], Catalogue], clock: Clock
    ) -> None:
        self._market = market
        self._paper = paper
        self._catalogue = catalogue
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        row = partial(openalgo, right="prices")
        return [
            row("symbol", "One instrument", shapes.OneSymbol, replies.OneSymbol, self.symbol),
            row("search", "Search instruments", shapes.Search, replies.Symbols, self.search),
            row(
                "expiry",
                "Expiry days of an underlying's contracts",
                shapes.Expiry,
                replies.Expiries,
                self.expiry,
            ),
            row(
                "intervals",
                "Intervals of historical data: none, this service keeps no history",
                Request,
                replies.Intervals,
                self.intervals,
            ),
            row(
                "history",
                "Historical data: always refused, this service keeps none",
                shapes.History,
                Success,
                self.history,
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
            row(
                "market/timings",
                "When exchanges trade on a day",
                shapes.Timings,
                replies.Timings,
                self.timings,
            ),
        ]

    async def symbol(self, _who: Identity, asked: shapes.OneSymbol) -> replies.OneSymbol:
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

    async def intervals(self, _who: Identity, _asked: Request) -> replies.Intervals:
        kinds = ("seconds", "minutes", "hours", "days", "weeks", "months")
        return replies.Intervals(data={kind: [] for kind in kinds})

    async def history(self, _who: Identity, _asked: shapes.History) -> Success:
        raise ApiError(
            HTTPStatus.NOT_IMPLEMENTED,
            "Historical data is not kept here; ask OpenAlgo, or record ticks and export them",
        )

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

    async def timings(self, _who: Identity, asked: shapes.Timings) -> replies.Timings:
        try:
            day = date.fromisoformat(asked.date) if asked.date else self._today()
        except ValueError:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"no day: {asked.date}") from None
        if not self._market.calendar.is_working_day(day):
            return replies.Timings(data=[])
        return replies.Timings(
            data=[
                replies.TimingData(
                    exchange=exchange,
                    start_time=_ms(datetime.combine(day, hours.opens, IST)),
                    end_time=_ms(datetime.combine(day, hours.closes, IST)),
                )
                for exchange, hours in HOURS.items()
                if not hours.is_overnight and not exchange.endswith("_INDEX")
            ]
        )

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.unix_ns() / 1e9, IST).date()


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
    word = expiry.strftime("%d%b%y").upper()
    base, _, rest = symbol.partition(word)
    strike = rest.removesuffix(right)
    return base, float(strike) if right in {"CE", "PE"} and strike else -0.01


def day_text(day: date) -> str:
    """`10-JUL-25`."""
    return day.strftime("%d-%b-%y").upper()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
