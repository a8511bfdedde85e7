"""Options by their distance from the underlying's price, and orders for them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.chain import ChainError, Underlying, day_of, strike_at

NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": "27JAN26"}


def test_the_underlying_says_where_its_price_and_its_options_are():
    assert Underlying.of("NSE_INDEX", "NIFTY") == ("NSE_INDEX", "NIFTY", "NIFTY", "NFO", None)
    assert Underlying.of("BSE", "TCS").options == "BFO"
    future = Underlying.of("NSE_INDEX", "NIFTY27JAN26FUT")
    assert future == ("NFO", "NIFTY27JAN26FUT", "NIFTY", "NFO", date(2026, 1, 27))
    for exchange, symbol in (("NFO", "NIFTY"), ("MARS", "NIFTY")):
        with pytest.raises(ChainError):
            Underlying.of(exchange, symbol)


def test_days_are_read_with_and_without_hyphens():
    assert day_of("27JAN26") == day_of("27-Jan-26") == date(2026, 1, 27)
    with pytest.raises(ChainError):
        day_of("tomorrow")


@given(
    st.lists(st.integers(1, 500).map(lambda n: n * 50.0), min_size=1, unique=True),
    st.floats(1, 30_000),
    st.integers(1, 50),
)
def test_calls_and_puts_mirror_each_other(strikes, price, steps):
    at = strike_at(strikes, price, "ATM", "CE")
    assert at == strike_at(strikes, price, "ATM", "PE")
    assert all(abs(at - price) <= abs(other - price) for other in strikes)
    ladder = sorted(strikes)
    for offset, right, step in (("OTM", "CE", 1), ("ITM", "CE", -1), ("OTM", "PE", -1)):
        place = ladder.index(at) + step * steps
        if 0 <= place < len(ladder):
            assert strike_at(strikes, price, f"{offset}{steps}", right) == ladder[place]
        else:
            with pytest.raises(ChainError):
                strike_at(strikes, price, f"{offset}{steps}", right)


def test_an_option_is_found_and_bought_by_its_offset(asked):
    async def work(ask):
        found = await ask("optionsymbol", **NIFTY, offset="ATM", option_type="CE")
        assert (found["symbol"], found["lotsize"]) == ("NIFTY27JAN2625000CE", 25)
        assert found["underlying_ltp"] == 25_010.0
        leg = {"offset": "OTM2", "option_type": "PE", "action": "BUY", "quantity": "25"}
        bought = await ask("optionsorder", **NIFTY, **leg, strike_int="50", strategy="s")
        assert (bought["symbol"], bought["offset"]) == ("NIFTY27JAN2624900PE", "OTM2")
        order = (await ask("orderstatus", orderid=bought["orderid"]))["data"]
        # The book shows 20.
        assert (order["filled_quantity"], order["strategy"]) == (20, "s")

    asked(work)


def test_legs_are_placed_purchases_first_and_answered_in_their_order(asked):
    async def work(ask):
        sell = {"offset": "ATM", "option_type": "CE", "action": "SELL", "quantity": 25}
        buy = sell | {"offset": "OTM1", "action": "BUY"}
        odd = buy | {"quantity": 7}
        reply = await ask("optionsmultiorder", **NIFTY, legs=[sell, odd, buy])
        sold, refused, bought = reply["results"]
        assert [leg["leg"] for leg in reply["results"]] == [1, 2, 3]
        assert (sold["symbol"], bought["symbol"]) == ("NIFTY27JAN2625000CE", "NIFTY27JAN2625050CE")
        assert bought["orderid"] < sold["orderid"]
        assert (refused["status"], "lot" in refused["message"]) == ("error", True)

    asked(work)


def test_what_cannot_be_found_is_said(asked):
    async def work(ask):
        choice = {"offset": "ATM", "option_type": "CE"}
        for status, body in [
            (400, choice | NIFTY | {"expiry_date": ""}),
            (400, choice | NIFTY | {"expiry_date": "28JAN26"}),
            (400, choice | NIFTY | {"offset": "OTM50"}),
            (400, choice | NIFTY | {"offset": "OTM51"}),
            (400, choice | NIFTY | {"exchange": "NFO"}),
            (404, choice | NIFTY | {"underlying": "BANKNIFTY"}),
        ]:
            await ask("optionsymbol", status, **body)

    asked(work)
