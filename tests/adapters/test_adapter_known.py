"""What decoders share: things known by name, and decimals of float32."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.known import Known
from adapters.rounding import HALF


def test_each_name_is_worked_out_once():
    made = []
    known = Known(lambda name: made.append(name) or name.upper())
    assert [known[name] for name in ("a", "b", "a")] == ["A", "B", "A"]
    assert made == ["a", "b"]


def test_damage_is_not_kept_for_ever():
    known = Known(str, most=3)
    for name in range(10):
        assert known[name] == str(name)
        assert len(known) <= 3


def test_an_error_goes_through_and_nothing_is_kept():
    known = Known(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            known["x"]
    assert not known


@given(st.floats(-1e7, 1e7, width=32), st.sampled_from([2, 4]))
def test_rounding_is_that_of_python(price, decimals):
    scale = 10.0**decimals
    assert (price * scale + HALF - HALF) / scale == round(price, decimals)


@given(st.integers(0, 10**6))
def test_a_price_in_float32_is_what_it_was(paise):
    [price] = struct.unpack("<f", struct.pack("<f", paise / 100))
    assert (price * 100 + HALF - HALF) / 100 == paise / 100
