"""The synthetic market's promises."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.markets.market import IST
from simulators.markets.synthetic import SyntheticMarket, black_scholes
from simulators.markets.universe import listings

START_MS = 1_765_770_300_000  # 2025-12-15 09:15 in India
RATE = 150.0


def market(seed: int = 0, rate: float = RATE) -> SyntheticMarket:
    return SyntheticMarket(seed=seed, rate=rate, start_ms=START_MS)


def take(source: SyntheticMarket, count: int):
    return list(itertools.islice(source.events(), count))


def on_grid(price: float, tick: float) -> bool:
    return abs(price / tick - round(price / tick)) < 1e-6


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_every_snapshot_keeps_the_invariants(seed):
    source = market(seed)
    before = {}
    for event in take(source, 2000):
        now, instrument = event.snapshot, source.instruments[event.snapshot.number]
        prices = [now.ltp, now.open, now.high, now.low, now.close]
        assert all(p > 0 and on_grid(p, instrument.tick_size) for p in prices)
        assert now.low <= min(now.open, now.ltp) <= max(now.open, now.ltp) <= now.high
        if instrument.is_index:
            assert not now.bids
            assert now.volume == 0
        else:
            assert_book(now, instrument)
        then = before.get(now.number)
        if then is not None:
            assert_newer(then, now, instrument)
        before[now.number] = now


def assert_book(now, instrument):
    bids, asks = [b.price for b in now.bids], [a.price for a in now.asks]
    assert len(bids) == len(asks) == 5
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert bids[0] < asks[0]
    assert bids[0] <= now.ltp <= asks[0]
    assert all(p > 0 and on_grid(p, instrument.tick_size) for p in bids + asks)
    assert all(0 < row.orders <= row.quantity for row in (*now.bids, *now.asks))
    assert now.buy_quantity >= sum(row.quantity for row in now.bids)
    assert now.sell_quantity >= sum(row.quantity for row in now.asks)
    assert now.low - 1e-6 <= now.average_price <= now.high + 1e-6
    assert now.volume % instrument.lot_size == 0
    assert now.oi_low <= now.oi <= now.oi_high


def assert_newer(then, now, instrument):
    assert now.exchange_ms > then.exchange_ms
    assert now.last_trade_ms <= now.exchange_ms
    assert now.volume >= then.volume
    assert (now.open, now.close) == (then.open, then.close)
    traded = now.last_trade_ms != then.last_trade_ms
    if instrument.is_index:
        assert now.ltp != then.ltp
    elif traded:
        assert now.volume == then.volume + now.last_quantity
        assert now.last_quantity > 0
    else:
        assert (now.ltp, now.volume) == (then.ltp, then.volume)
        assert (now.bids, now.asks) != (then.bids, then.asks)


@settings(max_examples=5)
@given(seed=st.integers())
def test_same_seed_gives_the_same_events(seed):
    source = market(seed)
    once = take(source, 500)
    assert once == take(source, 500) == take(market(seed), 500)
    assert once != take(market(seed + 1), 500)


def test_opening_comes_first_for_every_instrument():
    source = market()
    events = take(source, len(source.instruments))
    assert [event.snapshot.number for event in events] == list(range(50))
    assert {event.at for event in events} == {0.0}


@pytest.mark.parametrize("rate", [10.0, 150.0, 5000.0])
def test_rate_is_kept(rate):
    events = take(market(rate=rate), 5050)
    assert 5000 / events[-1].at == pytest.approx(rate, rel=0.1)


def test_book_changes_without_trade_occur():
    source = market()
    events = take(source, 5000)
    last, quiet = {}, 0
    for _, snapshot in events:
        quiet += snapshot.volume > 0 and last.get(snapshot.number) == snapshot.volume
        last[snapshot.number] = snapshot.volume
    assert 0.2 < quiet / len(events) < 0.5


def test_contracts_follow_their_index():
    source = market()
    by_symbol = {i.symbol: n for n, i in enumerate(source.instruments)}
    state = {}
    for _, snapshot in take(source, 20_000):
        state[snapshot.number] = snapshot
    nifty = state[by_symbol["NIFTY"]]
    future = state[by_symbol["NIFTY30DEC25FUT"]]
    call = state[by_symbol["NIFTY30DEC2526050CE"]]
    put = state[by_symbol["NIFTY30DEC2526050PE"]]
    assert future.ltp == pytest.approx(nifty.ltp * 1.004, rel=1e-3)
    assert call.ltp - put.ltp == pytest.approx(nifty.ltp - 26_050, abs=30)


def test_black_scholes_keeps_put_call_parity():
    call = black_scholes(26_000, 26_100, 0.04, 1)
    put = black_scholes(26_000, 26_100, 0.04, -1)
    assert call - put == pytest.approx(-100)
    assert black_scholes(26_000, 20_000, 1e-4, 1) == pytest.approx(6000)


def test_every_day_lists_fifty_instruments_that_have_not_expired():
    for offset in range(800):
        day = dt.date(2025, 1, 1) + dt.timedelta(days=offset)
        instruments = [entry.instrument for entry in listings(day)]
        assert len({(i.exchange, i.symbol) for i in instruments}) == 50
        assert len({(i.exchange, i.exchange_token) for i in instruments}) == 50
        for instrument in instruments:
            assert instrument.expiry is None or 0 < (instrument.expiry - day).days < 63


@pytest.mark.parametrize(
    ("day", "symbols"),
    [
        ("2025-12-15", ("NIFTY30DEC25FUT", "NIFTY16DEC2526050CE", "CRUDEOIL19DEC25FUT")),
        ("2025-12-30", ("NIFTY27JAN26FUT", "NIFTY06JAN2626050CE", "CRUDEOIL19JAN26FUT")),
        ("2025-11-03", ("NIFTY25NOV25FUT", "NIFTY04NOV2526050CE", "USDINR26NOV25FUT")),
        ("2025-12-24", ("NIFTY30DEC25FUT", "NIFTY06JAN2626050CE", "USDINR29DEC25FUT")),
    ],
)
def test_expiries_follow_the_day(day, symbols):
    listed = {entry.instrument.symbol for entry in listings(dt.date.fromisoformat(day))}
    assert set(symbols) <= listed


def test_session_day_is_indias():
    late_ms = int(dt.datetime(2025, 12, 16, 1, tzinfo=IST).timestamp() * 1000)
    source = SyntheticMarket(seed=0, rate=1, start_ms=late_ms)
    assert any(i.symbol == "NIFTY23DEC2526050CE" for i in source.instruments)
