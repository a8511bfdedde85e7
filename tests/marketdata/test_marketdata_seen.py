"""What of a tick is looked at: fields in one reading, a book when an order asks for it."""

import msgspec
import pytest

from bus.market.ticks import BidAsk, DepthData, Level, LtpData, QuoteData, encode_json
from marketdata.sandbox.money import RUPEE
from marketdata.sandbox.quote import Offer, Quote
from marketdata.seen import look

BASE = {"symbol": "SBIN", "exchange": "NSE", "ltp": 100.0, "timestamp": 7}
BIDS, ASKS = [Level(99.5, 10, 1), Level(99.0, 5)], [Level(100.5, 20, 2)]
BOOK = {"bids": BIDS, "asks": ASKS, "depth": BidAsk(BIDS, ASKS)}


def test_the_fields_are_those_of_the_tick_and_the_book_is_read_later():
    seen = look(encode_json(DepthData(**BASE, **BOOK, volume=9, low=90.0, high=110.0)))
    assert (seen.symbol, seen.ltp, seen.volume, seen.low, seen.high) == ("SBIN", 100, 9, 90, 110)
    assert seen.levels() == (BIDS, ASKS)
    for tick in (LtpData(**BASE), QuoteData(**BASE, bid_price=99.0)):
        assert look(encode_json(tick)).levels() is None


def test_a_damaged_book_is_none_and_a_damaged_field_is_an_error():
    whole = encode_json(DepthData(**BASE, **BOOK, bid_price=99.5, ask_price=100.5))
    assert look(whole.replace(b'"bids":[', b'"bids":[7,')).levels() is None
    with pytest.raises(msgspec.DecodeError):
        look(whole.replace(b'"ltp":100.0', b'"ltp":"100"'))


@pytest.mark.parametrize("named", [{}, {"bid_price": 99.5, "ask_price": 100.5}])
def test_orders_see_the_same_whether_or_not_the_best_prices_are_named(named):
    quote = Quote()
    quote.update(look(encode_json(DepthData(**BASE, **BOOK, **named))), 1)
    assert quote.best(buying=True) == 100.5 * RUPEE
    assert quote.best(buying=False) == 99.5 * RUPEE
    assert quote.offers(buying=False) == [
        Offer(round(99.5 * RUPEE), 10),
        Offer(round(99.0 * RUPEE), 5),
    ]
    quote.update(
        look(encode_json(DepthData(**BASE, bids=[], asks=ASKS, depth=BidAsk([], ASKS)))), 2
    )
    assert quote.best(buying=False) is None
    assert quote.offers(buying=False) == []
