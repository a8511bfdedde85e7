"""The numbered market counts, evenly, and its books can be."""

import itertools

from simulators.markets.numbered import SYMBOLS, NumberedMarket


def test_every_instrument_counts_from_one_at_an_even_pace():
    market = NumberedMarket(rate=2000, start_ms=1_000)
    events = list(itertools.islice(market.events(), 10 * SYMBOLS))
    for n, event in enumerate(events):
        snapshot = event.snapshot
        assert event.at == n / 2000
        assert snapshot.number == n % SYMBOLS
        assert snapshot.ltp == snapshot.volume == n // SYMBOLS + 1
        assert snapshot.bids[0].price < snapshot.ltp < snapshot.asks[0].price
        assert len(snapshot.bids) == len(snapshot.asks) == 5
    assert len({i.symbol for i in market.instruments}) == SYMBOLS
    assert len({i.exchange_token for i in market.instruments}) == SYMBOLS
