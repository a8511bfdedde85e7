"""What the synthetic market lists: real NSE names and tokens, contracts dated from a day.

Equities' names, exchange tokens and ticks are those of Kite's public instrument master, ISINs
those of Upstox's; prices are about those of late 2025. Tokens of contracts are made up.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from simulators.markets.market import Instrument, contract_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TUESDAY: Final = 1
_SATURDAY: Final = 5
_FIRST_CONTRACT_TOKEN: Final = 40_001


class Listing(NamedTuple):
    """An instrument and what its price begins at and follows.

    Attributes:
        price: the previous close, in rupees.
        parents: symbols that move it (an index's constituents, a contract's underlying).
        activity: how often it ticks, relative to the others.
    """

    instrument: Instrument
    price: float
    parents: tuple[str, ...] = ()
    activity: float = 1.0


# symbol|exchange token|name|tick|price|ISIN
_EQUITIES: Final = """\
HDFCBANK|1333|HDFC BANK|0.05|996.4|INE040A01034
ICICIBANK|4963|ICICI BANK|0.1|1366.2|INE090A01021
SBIN|3045|STATE BANK OF INDIA|0.1|967.5|INE062A01020
AXISBANK|5900|AXIS BANK|0.1|1284.1|INE238A01034
KOTAKBANK|1922|KOTAK MAHINDRA BANK|0.05|2176.3|INE237A01028
RELIANCE|2885|RELIANCE INDUSTRIES|0.1|1556.5|INE002A01018
INFY|1594|INFOSYS|0.1|1598.8|INE009A01021
TCS|11536|TATA CONSULTANCY SERV LT|0.1|3220.2|INE467B01029
BHARTIARTL|10604|BHARTI AIRTEL|0.1|2083.8|INE397D01024
ITC|1660|ITC|0.05|400.25|INE154A01025
LT|11483|LARSEN & TOUBRO|0.1|4073.4|INE018A01030
HINDUNILVR|1394|HINDUSTAN UNILEVER|0.1|2260.6|INE030A01027
BAJFINANCE|317|BAJAJ FINANCE|0.1|1016.8|INE296A01032
M&M|2031|MAHINDRA & MAHINDRA|0.1|3679.2|INE101A01026
MARUTI|10999|MARUTI SUZUKI INDIA|1.0|16520|INE585B01010
SUNPHARMA|3351|SUN PHARMACEUTICAL IND L|0.1|1794.9|INE044A01036
HCLTECH|7229|HCL TECHNOLOGIES|0.1|1672.6|INE860A01027
NTPC|11630|NTPC|0.05|325.1|INE733E01010
TITAN|3506|TITAN COMPANY|0.1|3901.7|INE280A01028
ULTRACEMCO|11532|ULTRATECH CEMENT|1.0|11724|INE481G01011
ONGC|2475|OIL AND NATURAL GAS CORP.|0.01|238.15|INE213A01029
POWERGRID|14977|POWER GRID CORP.|0.05|263.4|INE752E01010
ADANIPORTS|15083|ADANI PORT & SEZ|0.1|1510.8|INE742F01042
ASIANPAINT|236|ASIAN PAINTS|0.1|2766.1|INE021A01026
BAJAJ-AUTO|16669|BAJAJ AUTO|0.5|9014.5|INE917I01010
BAJAJFINSV|16675|BAJAJ FINSERV|0.1|2085.7|INE918I01026
COALINDIA|20374|COAL INDIA|0.05|383.1|INE522F01014
DRREDDY|881|DR. REDDY S LABORATORIES|0.1|1279.5|INE089A01031
EICHERMOT|910|EICHER MOTORS|0.5|7238.5|INE066A01021
HINDALCO|1363|HINDALCO INDUSTRIES|0.05|852.3|INE038A01020
JSWSTEEL|11723|JSW STEEL|0.1|1085.9|INE019A01038
NESTLEIND|17963|NESTLE INDIA|0.1|1239.4|INE239A01024
TATASTEEL|3499|TATA STEEL|0.01|171.86|INE081A01020
WIPRO|3787|WIPRO|0.01|260.45|INE075A01022
BSE|19585|BSE|0.1|2735.3|INE118H01025
"""
#: NSE lists expiries between the monthly ones for this underlying only.
_WEEKLY: Final = frozenset({"NIFTY"})
_BANKS: Final = ("HDFCBANK", "ICICIBANK", "SBIN", "AXISBANK", "KOTAKBANK")
_NIFTY: Final = 26_046.95
_BANKNIFTY: Final = 59_389.95


def listings(day: dt.date) -> list[Listing]:
    """The fifty instruments of the synthetic market on a day; equities first."""
    equities = list(_equities())
    return [*equities, *_indices(tuple(e.instrument.symbol for e in equities)), *_contracts(day)]


def _equities() -> Iterator[Listing]:
    for line in _EQUITIES.splitlines():
        symbol, token, name, tick, price, isin = line.split("|")
        instrument = Instrument(
            exchange="NSE",
            symbol=symbol,
            exchange_token=int(token),
            name=name,
            tick_size=float(tick),
            isin=isin,
        )
        yield Listing(instrument, float(price))


def _indices(equities: tuple[str, ...]) -> list[Listing]:
    return [
        Listing(_index("NSE_INDEX", "NIFTY", 1001, "NIFTY 50"), _NIFTY, equities, 2),
        Listing(_index("NSE_INDEX", "BANKNIFTY", 1016, "NIFTY BANK"), _BANKNIFTY, _BANKS, 2),
        Listing(_index("NSE_INDEX", "INDIAVIX", 1035, "INDIA VIX"), 10.11),
        Listing(_index("BSE_INDEX", "SENSEX", 1, "SENSEX"), 85_267.65, equities, 2),
    ]


def _index(exchange: str, symbol: str, token: int, name: str) -> Instrument:
    return Instrument(
        exchange=exchange, symbol=symbol, exchange_token=token, name=name, tick_size=0.01
    )


def _contracts(day: dt.date) -> Iterator[Listing]:
    monthly = _after(day, _last_tuesday)
    weekly = _next_tuesday(day)
    if weekly == _last_tuesday(weekly):
        weekly = _next_tuesday(weekly)
    token = _FIRST_CONTRACT_TOKEN
    for name, lot, price, step, expiries in (
        ("NIFTY", 75, _NIFTY, 50, (monthly, monthly, weekly)),
        ("BANKNIFTY", 35, _BANKNIFTY, 100, (monthly,)),
    ):
        centre = round(price / step) * step
        for at, expiry in enumerate(expiries):
            strike = float(centre + (step if at == 1 else 0))
            for kind in ("CE", "PE"):
                option = _contract("NFO", name, token, expiry, kind, 0.05, lot, strike)
                yield Listing(option, 0.0, (name,), 2)
                token += 1
    yield Listing(_contract("NFO", "NIFTY", token, monthly, "FUT", 0.1, 75), 0.0, ("NIFTY",), 3)
    usdinr = _contract("CDS", "USDINR", 10_001, _after(day, _currency_expiry), "FUT", 0.0025, 1)
    yield Listing(usdinr, 90.4325)
    crude = _contract("MCX", "CRUDEOIL", 440_001, _after(day, _crude_expiry), "FUT", 1.0, 100)
    yield Listing(crude, 5_204.0)


def _contract(
    exchange: str,
    name: str,
    token: int,
    expiry: dt.date,
    kind: str,
    tick: float,
    lot: int,
    strike: float = 0.0,
) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=contract_symbol(name, expiry, kind, strike),
        exchange_token=token,
        name=name,
        kind=kind,
        expiry=expiry,
        weekly=name in _WEEKLY and expiry != _last_tuesday(expiry),
        strike=strike,
        tick_size=tick,
        lot_size=lot,
    )


def _after(day: dt.date, expiry_of: Callable[[dt.date], dt.date]) -> dt.date:
    """The first monthly expiry later than a day."""
    expiry = expiry_of(day)
    return expiry if expiry > day else expiry_of(_month_end(day) + dt.timedelta(days=1))


def _month_end(day: dt.date) -> dt.date:
    following = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return following - dt.timedelta(days=1)


def _last_tuesday(day: dt.date) -> dt.date:
    """NSE's monthly expiry since September 2025; holidays are not looked at."""
    end = _month_end(day)
    return end - dt.timedelta(days=(end.weekday() - _TUESDAY) % 7)


def _next_tuesday(day: dt.date) -> dt.date:
    return day + dt.timedelta(days=(_TUESDAY - day.weekday() - 1) % 7 + 1)


def _currency_expiry(day: dt.date) -> dt.date:
    """Two working days before the month's last one."""
    return _workdays_back(_workdays_back(_month_end(day), 0), 2)


def _crude_expiry(day: dt.date) -> dt.date:
    """MCX ends crude about the 19th."""
    return _workdays_back(day.replace(day=19), 0)


def _workdays_back(day: dt.date, count: int) -> dt.date:
    while count or day.weekday() >= _SATURDAY:
        count -= day.weekday() < _SATURDAY
        day -= dt.timedelta(days=1)
    return day
