"""Black-76: known values, parity, slopes against differences, and the way back to a price."""

from math import exp

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marketdata.greeks import GreeksError, Option, greeks, implied_volatility, price

RIGHTS = st.sampled_from(["CE", "PE"])
OPTIONS = st.builds(
    Option,
    right=RIGHTS,
    forward=st.floats(10, 100_000),
    strike=st.floats(10, 100_000),
    years=st.floats(1 / 365, 3),
    rate=st.floats(0, 0.15),
).filter(lambda option: 0.5 < option.forward / option.strike < 2)
VOLATILITIES = st.floats(0.05, 1.5)


def test_prices_are_those_of_the_textbooks():
    # Hull, Options, Futures, and Other Derivatives: a put on a future of oil.
    assert price(Option("PE", 20, 20, 4 / 12, 0.09), 0.25) == pytest.approx(1.12, abs=0.005)
    # The example of the py_vollib library.
    assert price(Option("CE", 100, 100, 0.5, 0.02), 0.2) == pytest.approx(5.5811067246048118)


@pytest.mark.parametrize(
    ("right", "known"),
    [
        ("CE", (0.45107017482, 0.0640646705882, -0.00816236877462, 0.118317785624, -0.007470538)),
        ("PE", (-0.52988372, 0.0640646705882, -0.00802799155312, 0.118317785624, -0.011243286)),
    ],
)
def test_greeks_are_those_of_a_known_library(right, known):
    told = greeks(Option(right, 49, 50, 0.3846, 0.05), 0.2)
    assert told == pytest.approx(known, rel=1e-6)


@given(OPTIONS, VOLATILITIES)
def test_a_call_less_a_put_is_the_discounted_forward_less_the_strike(option, volatility):
    call, put = (price(option._replace(right=right), volatility) for right in ("CE", "PE"))
    parity = exp(-option.rate * option.years) * (option.forward - option.strike)
    assert call - put == pytest.approx(parity, abs=1e-9 * option.forward)


@given(OPTIONS, VOLATILITIES)
def test_the_volatility_in_a_price_is_found_again(option, volatility):
    paid = price(option, volatility)
    assume(greeks(option, volatility).vega > 1e-7 * option.forward)
    found = implied_volatility(option, paid)
    assert price(option, found) == pytest.approx(paid, abs=1e-9 * option.forward)
    assert found == pytest.approx(volatility, rel=1e-4)


@given(OPTIONS, VOLATILITIES)
def test_greeks_are_the_slopes_of_the_price(option, volatility):
    told = greeks(option, volatility)
    size = option.forward

    def slope(step, up, down):
        return (up - down) / (2 * step)

    def at(**changes):
        return price(option._replace(**changes), volatility)

    step = size * 1e-4
    forward = option.forward
    assert told.delta == pytest.approx(
        slope(step, at(forward=forward + step), at(forward=forward - step)), abs=1e-3
    )
    years, day = option.years, 1e-6
    theta = -slope(day, at(years=years + day), at(years=years - day)) / 365
    assert told.theta == pytest.approx(theta, abs=1e-6 * size)
    vega = slope(1e-4, price(option, volatility + 1e-4), price(option, volatility - 1e-4)) / 100
    assert told.vega == pytest.approx(vega, abs=1e-6 * size)
    rate = option.rate
    rho = slope(1e-5, at(rate=rate + 1e-5), at(rate=rate - 1e-5)) / 100
    assert told.rho == pytest.approx(rho, abs=1e-6 * size)
    assert told.gamma >= 0


@pytest.mark.parametrize(
    ("right", "strike", "delta"), [("CE", 90, 1.0), ("CE", 110, 0.0), ("PE", 110, -1.0)]
)
def test_a_price_without_anything_for_time_has_no_volatility(right, strike, delta):
    option = Option(right, 100, strike, 0.1, 0.0)
    assert implied_volatility(option, option.intrinsic) == 0.0
    told = greeks(option, 0.0)
    assert (told.delta, told.gamma, told.vega) == (delta, 0.0, 0.0)
    assert told.rho == pytest.approx(-0.001 * option.intrinsic)


def test_a_price_that_no_volatility_explains_is_refused():
    for option in (Option("CE", 100, 90, 0.1, 0.0), Option("PE", 90, 100, 0.1, 0.0)):
        with pytest.raises(GreeksError, match="more than"):
            implied_volatility(option, 100.0)
