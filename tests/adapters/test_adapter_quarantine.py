"""What is held back, by rule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import Book, Tick
from adapters.ticks.quarantine import WHOLE_TICK, Reason, highest_price, inspect
from bus.topics import EXCHANGES, Mode

HIGHEST = highest_price("NSE")
GOOD = [(99.5, 10, 2), (0.0, 0, 0)]
ASKS = [(100.5, 10, 2), (0.0, 0, 0)]


def tick(**fields):
    return Tick(1, Mode.DEPTH, **{"ltp": 100.0, **fields})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"ltp": None}, None),
        ({"ltp": 0.0}, Reason.ZERO_PRICE),
        ({"ltp": -0.05}, Reason.BAD_PRICE),
        ({"ltp": math.nan}, Reason.BAD_PRICE),
        ({"ltp": math.inf}, Reason.ABSURD_PRICE),
        ({"ltp": HIGHEST}, None),
        ({"ltp": HIGHEST + 1}, Reason.ABSURD_PRICE),
        ({"lower_circuit": 90.0, "upper_circuit": 100.0}, None),
        ({"lower_circuit": 90.0, "upper_circuit": 99.95}, Reason.BEYOND_CIRCUIT),
        ({"lower_circuit": 100.05, "upper_circuit": 110.0}, Reason.BEYOND_CIRCUIT),
        ({"lower_circuit": 0.0, "upper_circuit": 0.0}, None),
        ({"upper_circuit": 50.0}, None),
        ({"depth": Book(GOOD, ASKS)}, None),
        ({"depth": Book([], [])}, None),
        ({"depth": Book([(100.5, 1, 1)], ASKS)}, Reason.CROSSED_BOOK),
        ({"depth": Book([(100.4, 1, 1)], [(0.0, 0, 0)])}, None),
        ({"depth": Book([(99.5, 1, 1), (-1.0, 1, 1)], ASKS)}, Reason.BAD_BOOK),
        ({"depth": Book(GOOD, [(100.5, 1, 1), (math.nan, 1, 1)])}, Reason.BAD_BOOK),
        ({"depth": Book(GOOD, [(100.5, -1, 1)])}, Reason.BAD_BOOK),
        ({"close": -1.0}, Reason.BAD_FIELD),
        ({"average_price": math.nan}, Reason.BAD_FIELD),
        ({"volume": -1}, Reason.BAD_FIELD),
        ({"oi": 2**60}, Reason.BAD_FIELD),
        ({"open": 0.0, "high": 0.0, "volume": 0}, None),
    ],
)
def test_rules(fields, reason):
    assert inspect(tick(**fields), HIGHEST) is reason


def test_only_what_is_damaged_is_taken_out():
    damaged = tick(open=0.0, high=-1.0, low=99.0, volume=-5, ltq=5, depth=Book(GOOD, ASKS))
    inspect(damaged, HIGHEST)
    assert (damaged.open, damaged.high, damaged.low) == (None, None, 99.0)
    assert (damaged.volume, damaged.ltq) == (None, 5)
    assert damaged.depth is not None
    crossed = tick(depth=Book([(101.0, 1, 1)], ASKS))
    inspect(crossed, HIGHEST)
    assert crossed.depth is None
    assert crossed.ltp == 100.0


def test_every_exchange_has_a_bound():
    assert {exchange for exchange in EXCHANGES if highest_price(exchange) < 1e6} == {"CDS", "BCD"}


NUMBER = st.none() | st.floats() | st.integers(-(2**64), 2**64)
ROWS = st.lists(st.tuples(st.floats(), st.floats(), st.integers(-(2**64), 2**64)), max_size=3)
FIELDS = {name: NUMBER for name in Tick.__struct_fields__ if name not in {"key", "mode", "depth"}}


@given(st.fixed_dictionaries(FIELDS), st.none() | st.builds(Book, ROWS, ROWS))
def test_what_passes_is_sound(fields, book):
    checked = Tick(1, Mode.DEPTH, depth=book, **fields)
    if inspect(checked, HIGHEST) in WHOLE_TICK:
        return
    for name in ("ltp", "open", "high", "low", "close", "average_price"):
        value = getattr(checked, name)
        assert value is None or 0 < value <= HIGHEST
    for name in ("ltq", "volume", "total_buy_quantity", "total_sell_quantity", "oi"):
        value = getattr(checked, name)
        assert value is None or (value >= 0 and math.isfinite(value))
    for price, quantity, _ in [] if checked.depth is None else checked.depth.buy:
        assert math.isfinite(price)
        assert quantity >= 0
