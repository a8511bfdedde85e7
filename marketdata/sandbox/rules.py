"""The rules of the house, ready to be applied: margins, times, what fills. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Final, Literal

from bus.market.hours import Calendar
from bus.market.instruments import Contract
from bus.settings import SandboxSettings, TradedExchange
from marketdata.sandbox.model import Action, Product
from marketdata.sandbox.money import RUPEE, Micros, divide, to_micros

_NEVER: Final = -1
_WEEKDAYS: Final = (
    *("monday", "tuesday", "wednesday", "thursday"),
    *("friday", "saturday", "sunday"),
)
#: When MIS positions are closed. CRYPTO never closes; its day ends at midnight.
SQUARE_OFF: Final = {
    "NSE": time(15, 15),
    "BSE": time(15, 15),
    "NFO": time(15, 15),
    "BFO": time(15, 15),
    "CDS": time(16, 45),
    "BCD": time(16, 45),
    "NCDEX": time(17, 0),
    "MCX": time(23, 30),
    "NCO": time(23, 30),
    "CRYPTO": time(23, 55),
}
#: From when on expired contracts are settled on their last day.
EXPIRY_CLOSE: Final = {
    "NFO": time(15, 40),
    "BFO": time(15, 40),
    "CDS": time(17, 0),
    "BCD": time(17, 0),
    "NCDEX": time(17, 0),
    "MCX": time(23, 30),
    "NCO": time(23, 30),
    "CRYPTO": time(17, 30),
}
_EXPIRY_CLOSE_OF_OTHERS: Final = time(15, 30)
#: When MIS orders are taken again.
_OPENS: Final = time(9, 0)
_OPENS_OF_CRYPTO: Final = time(0, 0)


@dataclass(frozen=True)
class Rules:
    """`[sandbox]` in the units of the engine."""

    capital: Micros
    fills: Literal["book", "ltp"]
    max_price_age_ns: int
    oco_margin: Literal["max", "sum"]
    gtt_life_ns: int
    square_off: dict[str, time]
    settles_next_day: bool
    options_expire_worthless: bool
    day_reset: time
    reset_weekday: int
    reset_time: time
    calendar: Calendar
    #: In thousandths, by what is traded.
    leverage: dict[str, int]

    @classmethod
    def of(cls, settings: SandboxSettings, holidays: Collection[date] = ()) -> Rules:
        """The rules that a configuration makes."""
        day_ns = 86_400 * 10**9
        return cls(
            capital=to_micros(settings.starting_capital),
            fills=settings.fills,
            max_price_age_ns=round(settings.max_price_age_s * 1e9),
            oco_margin=settings.gtt_oco_margin,
            gtt_life_ns=settings.gtt_days * day_ns,
            square_off=_square_off(settings.square_off),
            settles_next_day=settings.expiry_settlement == "next_day",
            options_expire_worthless=settings.option_settlement == "zero",
            day_reset=settings.day_reset,
            reset_weekday=(
                _NEVER if settings.reset_day == "never" else _WEEKDAYS.index(settings.reset_day)
            ),
            reset_time=settings.reset_time,
            calendar=Calendar(holidays),
            leverage={
                "share MIS": round(settings.leverage_equity_mis * 1000),
                "share CNC": round(settings.leverage_equity_cnc * 1000),
                "future": round(settings.leverage_futures * 1000),
                "option BUY": round(settings.leverage_option_buy * 1000),
                "option SELL": round(settings.leverage_option_sell * 1000),
            },
        )

    def margin(
        self, contract: Contract, product: Product, action: Action, quantity: int, price: Micros
    ) -> Micros:
        """What opening a position of `quantity` blocks. Selling shares in CNC blocks nothing:
        they are there."""
        if contract.kind == "share":
            if product == "CNC" and action == "SELL":
                return 0
            key = f"share {product}"
        else:
            key = "future" if contract.kind == "future" else f"option {action}"
        return divide(value(quantity, price, contract.contract_value) * 1000, self.leverage[key])

    def is_mis_closed(self, exchange: str, at: time) -> bool:
        """Whether MIS positions may only be reduced at this time of day."""
        closes = self.square_off.get(exchange)
        if closes is None:
            return False
        opens = _OPENS_OF_CRYPTO if exchange == "CRYPTO" else _OPENS
        return at >= closes or at < opens


def value(quantity: int, price: Micros, contract_value: int) -> Micros:
    """What `quantity` units are worth."""
    if contract_value == RUPEE:
        return quantity * price
    return divide(quantity * price * contract_value, RUPEE)


def expiry_close(exchange: str) -> time:
    """From when on contracts of an exchange are settled on their last day."""
    return EXPIRY_CLOSE.get(exchange, _EXPIRY_CLOSE_OF_OTHERS)


def _square_off(told: Mapping[TradedExchange, str]) -> dict[str, time]:
    times: dict[str, time] = dict(SQUARE_OFF)
    for exchange, text in told.items():
        times.pop(exchange, None)
        if text:
            times[exchange] = time.fromisoformat(text)
    return times
