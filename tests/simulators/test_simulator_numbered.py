"""The numbered market counts, evenly, and its books can be."""

import itertools

import pytest

from simulators.markets.numbered import NumberedMarket


@pytest.mark.parametrize("symbols", [1, 50, 500])
def test_every_instrument_counts_from_one_at_an_even_pace(symbols):
    market = NumberedMarket(rate=2000, start_ms=1_000, symbols=symbols)
    events = list(itertools.islice(market.events(), 10 * symbols))
    for n, event in enumerate(events):
        snapshot = event.snapshot
        assert event.at == n / 2000
        assert snapshot.number == n % symbols
        assert snapshot.ltp == snapshot.volume == n // symbols + 1
        assert snapshot.bids[0].price < snapshot.ltp < snapshot.asks[0].price
        assert len(snapshot.bids) == len(snapshot.asks) == 5
    assert len({i.symbol for i in market.instruments}) == symbols
    assert len({i.exchange_token for i in market.instruments}) == symbols
