"""OpenAlgo's calls that look at options: chains, the future that options make, greeks."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import partial
from http import HTTPStatus
from typing import Final

from bus.clock import Clock
from bus.market.expiry import expiry_word
from bus.market.hours import IST
from bus.topics import Mode
from identity.authority import Identity
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.prices import Prices, quote_data
from marketdata.api.replies import options as replies
from marketdata.api.requests import options as shapes
from marketdata.api.requests.common import MAX_SYMBOLS
from marketdata.api.symbols import day_text
from marketdata.api.underlyings import Strikes, Underlyings
from marketdata.asking import Answer
from marketdata.chain import ChainError, OptionName, Right, label
from marketdata.greeks import GreeksError, Option, greeks, implied_volatility

#: When options of an exchange end on their last day, where nobody says otherwise.
_ENDS: Final = {"CDS": time(12, 30), "BCD": time(12, 30), "MCX": time(23, 30), "NCO": time(23, 30)}
_ENDS_OF_OTHERS: Final = time(15, 30)
_YEAR_S: Final = 365 * 86_400.0
#: Strikes of a chain without a count; each is two symbols.
_MOST_STRIKES: Final = MAX_SYMBOLS // 2
_RIGHTS: Final[tuple[Right, Right]] = ("CE", "PE")


class Chains:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, underlyings: Underlyings, prices: Prices, clock: Clock) -> None:
        self._underlyings = underlyings
        self._prices = prices
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        row = partial(openalgo, right="prices")
        return [
            row(
                "optionchain",
                "Quotes of an underlying's options of one day",
                shapes.OptionChain,
                replies.OptionChain,
                self.chain,
            ),
            row(
                "syntheticfuture",
                "The future that the options at the money make",
                shapes.OfUnderlying,
                replies.SyntheticFuture,
                self.future,
            ),
            row(
                "optiongreeks",
                "Implied volatility and greeks of an option, by Black-76",
                shapes.OptionGreeks,
                replies.OptionGreeks,
                self.greeks,
            ),
        ]

    async def chain(self, who: Identity, asked: shapes.OptionChain) -> replies.OptionChain:
        found = await self._underlyings.strikes(who, asked)
        reach = asked.strike_count or (_MOST_STRIKES - 1) // 2
        first = max(0, found.middle - reach)
        places = range(first, min(len(found.ladder), found.middle + reach + 1))
        answers = await self._quotes(who, found, [found.ladder[place] for place in places])
        return replies.OptionChain(
            underlying=found.underlying.base,
            underlying_ltp=found.price,
            expiry_date=expiry_word(found.day),
            atm_strike=found.ladder[found.middle],
            chain=[
                replies.ChainStrike(
                    strike=found.ladder[place],
                    ce=_option(found, place, "CE", answers),
                    pe=_option(found, place, "PE", answers),
                )
                for place in places
            ],
        )

    async def future(self, who: Identity, asked: shapes.OfUnderlying) -> replies.SyntheticFuture:
        found = await self._underlyings.strikes(who, asked)
        strike = found.ladder[found.middle]
        answers = await self._quotes(who, found, [strike])
        prices = {}
        for right in _RIGHTS:
            answer = answers.get((right, strike), Answer(None, "it is not listed"))
            if answer.tick is None:
                raise ApiError(
                    HTTPStatus.NOT_FOUND,
                    f"{found.underlying.base} {strike:g} {right}: {answer.error}",
                )
            prices[right] = answer.tick.entry.track.price
        return replies.SyntheticFuture(
            underlying=asked.underlying,
            underlying_ltp=found.price,
            expiry=expiry_word(found.day),
            atm_strike=strike,
            synthetic_future_price=round(strike + prices["CE"] - prices["PE"], 6),
        )

    async def greeks(self, who: Identity, asked: shapes.OptionGreeks) -> replies.OptionGreeks:
        try:
            name = OptionName.of(asked.exchange, asked.symbol)
        except ChainError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        years = self._years_until(_end(asked.exchange, name.expiry, asked.expiry_time))
        underlying, forward = await self._forward(who, asked, name)
        paid = await self._underlyings.price(who, asked.exchange, asked.symbol)
        option = Option(name.right, forward, name.strike, years, asked.interest_rate / 100)
        try:
            volatility = implied_volatility(option, paid)
        except GreeksError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"{asked.symbol}: {error}") from None
        reply = replies.OptionGreeks(
            symbol=asked.symbol,
            exchange=asked.exchange,
            underlying=underlying,
            strike=name.strike,
            option_type=name.right,
            expiry_date=day_text(name.expiry),
            days_to_expiry=round(years * 365, 4),
            spot_price=forward,
            option_price=paid,
            interest_rate=asked.interest_rate,
            implied_volatility=round(volatility * 100, 4),
            greeks=replies.GreeksData(
                **{k: round(v, 8) for k, v in greeks(option, volatility)._asdict().items()}
            ),
        )
        if not volatility:
            reply.note = "The price holds nothing for time: greeks as at expiry"
        return reply

    async def _forward(
        self, who: Identity, asked: shapes.OptionGreeks, name: OptionName
    ) -> tuple[str, float]:
        """The underlying, and its price; the latter may be given."""
        symbol = asked.underlying_symbol or name.base
        if asked.forward_price is not None:
            return symbol, asked.forward_price
        exchange = asked.underlying_exchange
        if not (asked.underlying_symbol and exchange):
            found, listed = await self._underlyings.of_option(
                asked.exchange, asked.underlying_symbol or name.base, name.expiry
            )
            exchange, symbol = exchange or found, asked.underlying_symbol or listed
        return symbol, await self._underlyings.price(who, exchange, symbol)

    async def _quotes(
        self, who: Identity, found: Strikes, strikes: list[float]
    ) -> dict[tuple[Right, float], Answer]:
        """The options at these strikes, as far as they are listed."""
        listed = {
            (right, strike): found.options[right][strike]
            for right in _RIGHTS
            for strike in strikes
            if strike in found.options[right]
        }
        keys = [(one.exchange, one.symbol) for one in listed.values()]
        answers = await self._prices.ask(who, keys, Mode.DEPTH)
        return dict(zip(listed, answers, strict=True))

    def _years_until(self, end: datetime) -> float:
        left_s = end.timestamp() - self._clock.unix_ns() / 1e9
        if left_s <= 0:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"The option ended at {end:%H:%M on %d-%b-%Y}")
        return left_s / _YEAR_S


def _end(exchange: str, day: date, named: str) -> datetime:
    at = time.fromisoformat(named) if named else _ENDS.get(exchange, _ENDS_OF_OTHERS)
    return datetime.combine(day, at, IST)


def _option(
    found: Strikes, place: int, right: Right, answers: dict[tuple[Right, float], Answer]
) -> replies.ChainOption | None:
    """An option of the chain; None: it is not listed."""
    strike = found.ladder[place]
    listed = found.options[right].get(strike)
    if listed is None:
        return None
    option = replies.ChainOption(
        symbol=listed.symbol,
        label=label(place - found.middle, right),
        lotsize=listed.lot_size or 1,
        tick_size=listed.tick_size / 1e6,
    )
    answer = answers[right, strike]
    if answer.tick is None:
        option.error = answer.error
        return option
    quote = quote_data(answer.tick)
    for field in ("ltp", "bid", "ask", "open", "high", "low", "prev_close", "volume", "oi"):
        setattr(option, field, getattr(quote, field))
    return option
