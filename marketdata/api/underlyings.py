"""What calls on options ask first: the underlying's last price, and which options there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from http import HTTPStatus
from typing import NamedTuple

from bus.market.expiry import expiry_word
from bus.topics import Mode
from identity.authority import Identity
from marketdata.api.endpoint import ApiError
from marketdata.api.requests.options import OfUnderlying
from marketdata.asking import Asking
from marketdata.catalogue import Catalogue, Listed
from marketdata.chain import ChainError, Right, Underlying, at_the_money, day_of
from marketdata.market import Market

#: Where the underlying of an exchange's options is looked for, the first that lists it; where
#: nothing is named, contracts are on the future of the exchange itself.
_SPOT_OF = {"NFO": ("NSE_INDEX", "NSE"), "BFO": ("BSE_INDEX", "BSE")}


class Strikes(NamedTuple):
    """An underlying's options of one day: strikes in order, and the place of the one next to the
    last price."""

    underlying: Underlying
    price: float
    day: date
    ladder: Sequence[float]
    middle: int
    options: dict[Right, dict[float, Listed]]


class Underlyings:
    """`catalogue` is asked anew each time. Everything raises ApiError."""

    def __init__(self, market: Market, asking: Asking, catalogue: Callable[[], Catalogue]) -> None:
        self._market = market
        self._asking = asking
        self.catalogue = catalogue

    async def price(self, who: Identity, exchange: str, symbol: str) -> float:
        """The last price, which the key must be allowed to have."""
        if refusal := who.scopes.refusal(exchange, Mode.LTP):
            raise ApiError(HTTPStatus.FORBIDDEN, refusal)
        [answer] = await self._asking.ask(self._market.allowed(who), [(exchange, symbol)], Mode.LTP)
        if answer.tick is None:
            raise ApiError(HTTPStatus.NOT_FOUND, f"{symbol}: {answer.error}")
        return answer.tick.entry.track.price

    async def strikes(self, who: Identity, asked: OfUnderlying) -> Strikes:
        """All options of an underlying that end on a day."""
        try:
            underlying = Underlying.of(asked.exchange, asked.underlying)
            day = day_named(underlying, asked.expiry_date)
            price = await self.price(who, underlying.exchange, underlying.symbol)
            options = await asyncio.to_thread(self._options, underlying, day)
            ladder = sorted(options["CE"].keys() | options["PE"].keys())
            middle = at_the_money(ladder, price)
        except ChainError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        return Strikes(underlying, price, day, ladder, middle, options)

    async def of_option(self, exchange: str, base: str, day: date) -> tuple[str, str]:
        """Where the price is that an option's depends on, as (exchange, symbol): the index or
        share of that name, else the first future that does not end before the option."""
        return await asyncio.to_thread(self._of_option, exchange, base, day)

    def _options(self, underlying: Underlying, day: date) -> dict[Right, dict[float, Listed]]:
        catalogue = self.catalogue()
        rights: tuple[Right, Right] = ("CE", "PE")
        return {
            right: catalogue.chain(underlying.base, underlying.options, day, right)
            for right in rights
        }

    def _of_option(self, exchange: str, base: str, day: date) -> tuple[str, str]:
        catalogue = self.catalogue()
        for spot in _SPOT_OF.get(exchange, ()):
            if catalogue.find(spot, base) is not None:
                return spot, base
        for end in catalogue.expiries(base, exchange, "future"):
            if end >= day:
                return exchange, f"{base}{expiry_word(end)}FUT"
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f"the underlying {base} of {exchange} is not listed; name it as underlying_symbol and "
            "underlying_exchange, or give a forward_price",
        )


def day_named(underlying: Underlying, expiry: str) -> date:
    """The day of a request, or the underlying's own. Raises ChainError: neither names one."""
    day = day_of(expiry) if expiry else underlying.expiry
    if day is None:
        raise ChainError("expiry_date is needed where the underlying names no day")
    return day
