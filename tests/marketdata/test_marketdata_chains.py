"""Chains of options, the future that they make, greeks; instruments by exchange; holidays."""

from datetime import date

import pytest

from bus.market.hours import Calendar
from bus.topics import Mode
from marketdata.greeks import Option, price

NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": "27JAN26"}
CALL = {"symbol": "NIFTY27JAN2625000CE", "exchange": "NFO"}
#: From Monday 5 January, 11:00, to Tuesday 27 January, 15:30.
DAYS = 22 + 4.5 / 24


def test_a_chain_has_each_strike_with_both_options_and_their_labels(asked):
    async def work(ask):
        told = await ask("optionchain", **NIFTY)
        assert (told["underlying"], told["underlying_ltp"]) == ("NIFTY", 25_010.0)
        assert (told["expiry_date"], told["atm_strike"]) == ("27JAN26", 25_000)
        labels = [(row["strike"], row["ce"]["label"], row["pe"]["label"]) for row in told["chain"]]
        assert labels == [
            (24_900, "ITM2", "OTM2"),
            (24_950, "ITM1", "OTM1"),
            (25_000, "ATM", "ATM"),
            (25_050, "OTM1", "ITM1"),
            (25_100, "OTM2", "ITM2"),
        ]
        call = told["chain"][2]["ce"]
        assert call["symbol"] == CALL["symbol"]
        assert (call["ltp"], call["bid"], call["ask"], call["lotsize"]) == (100, 99, 101, 25)
        near = await ask("optionchain", **NIFTY, strike_count=1)
        assert [row["strike"] for row in near["chain"]] == [24_950, 25_000, 25_050]

    asked(work)


def test_an_option_without_a_price_says_so_and_spoils_nothing(asked):
    async def work(ask):
        ask.market.market.values.drop_older(2**62)  # nothing is known any more
        ask.market.tick(25_010.0, symbol="NIFTY", exchange="NSE_INDEX")
        ask.market.tick(90.0, symbol=CALL["symbol"], exchange="NFO", mode=Mode.DEPTH)
        row = (await ask("optionchain", **NIFTY, strike_count=1))["chain"][1]
        assert (row["ce"]["ltp"], "error" in row["ce"]) == (90, False)
        assert (row["pe"]["ltp"], row["pe"]["error"]) == (0, "no price yet")
        refused = await ask("syntheticfuture", 404, **NIFTY)
        assert "25000 PE: no price yet" in refused["message"]

    asked(work)


def test_the_synthetic_future_is_the_strike_plus_the_call_less_the_put(asked):
    async def work(ask):
        ask.market.tick(112.5, symbol=CALL["symbol"], exchange="NFO", mode=Mode.DEPTH, sequence=2)
        told = await ask("syntheticfuture", **NIFTY)
        assert told["synthetic_future_price"] == 25_012.5
        assert (told["expiry"], told["atm_strike"]) == ("27JAN26", 25_000)
        assert told["underlying_ltp"] == 25_010.0

    asked(work)


def test_greeks_lead_back_to_the_price_that_they_were_made_of(asked):
    async def work(ask):
        told = await ask("optiongreeks", **CALL, forward_price=25_010, interest_rate="6.5")
        assert (told["underlying"], told["strike"], told["option_type"]) == ("NIFTY", 25_000, "CE")
        assert (told["spot_price"], told["option_price"]) == (25_010, 100)
        assert told["days_to_expiry"] == pytest.approx(DAYS, abs=0.001)
        assert told["expiry_date"] == "27-JAN-26"
        option = Option("CE", 25_010, 25_000, told["days_to_expiry"] / 365, 0.065)
        again = price(option, told["implied_volatility"] / 100)
        assert again == pytest.approx(100, abs=0.01)
        assert 0.4 < told["greeks"]["delta"] < 0.6
        assert told["greeks"]["theta"] < 0 < told["greeks"]["vega"]

    asked(work)


def test_the_underlying_of_an_option_is_found_or_named(asked):
    async def work(ask):
        # Neither an index nor a share of that name is listed here, nor a future.
        refused = await ask("optiongreeks", 400, **CALL)
        assert "underlying_symbol" in refused["message"]
        named = {"underlying_symbol": "NIFTY", "underlying_exchange": "NSE_INDEX"}
        told = await ask("optiongreeks", **CALL, **named)
        assert (told["underlying"], told["spot_price"]) == ("NIFTY", 25_010.0)
        ask.list("NSE_INDEX", "NIFTY")
        assert (await ask("optiongreeks", **CALL))["spot_price"] == 25_010.0

    asked(work)


def test_an_option_of_commodities_depends_on_the_next_future(asked):
    async def work(ask):
        for symbol in ("CRUDEOIL14JAN266000CE", "CRUDEOIL19JAN26FUT", "CRUDEOIL17DEC25FUT"):
            ask.list("MCX", symbol)
        ask.market.tick(6_050.0, symbol="CRUDEOIL19JAN26FUT", exchange="MCX")
        ask.market.tick(150.0, symbol="CRUDEOIL14JAN266000CE", exchange="MCX")
        told = await ask("optiongreeks", symbol="CRUDEOIL14JAN266000CE", exchange="MCX")
        assert (told["underlying"], told["spot_price"]) == ("CRUDEOIL19JAN26FUT", 6_050)
        assert told["days_to_expiry"] == pytest.approx(9 + 12.5 / 24, abs=0.001)
        early = await ask(
            "optiongreeks", symbol="CRUDEOIL14JAN266000CE", exchange="MCX", expiry_time="19:00"
        )
        assert early["days_to_expiry"] == pytest.approx(9 + 8 / 24, abs=0.001)

    asked(work)


def test_a_price_without_anything_for_time_is_said_to_be_one(asked):
    async def work(ask):
        told = await ask("optiongreeks", **CALL, forward_price=25_100)
        assert (told["implied_volatility"], told["greeks"]["delta"]) == (0, 1)
        assert "nothing for time" in told["note"]

    asked(work)


@pytest.mark.parametrize(
    "body",
    [
        CALL | {"symbol": "NIFTY27JAN26FUT"},
        CALL | {"symbol": "NIFTY30DEC2525000CE", "forward_price": 25_000},
        CALL | {"forward_price": 90},
    ],
)
def test_what_has_no_greeks_is_refused(asked, body):
    async def work(ask):
        assert (await ask("optiongreeks", 400, **body))["message"]

    asked(work)


def test_instruments_come_page_by_page_as_openalgo_tells_them(asked, monkeypatch):
    monkeypatch.setattr("marketdata.catalogue._PAGE_ROWS", 3)

    async def work(ask):
        told = await ask("instruments", method="GET", exchange="NFO")
        symbols = [row["symbol"] for row in told["data"]]
        assert len(symbols) == 11
        assert symbols == sorted(symbols)
        assert told["data"][1] | {"token": ""} == {
            "symbol": "NIFTY27JAN2624900PE",
            "brsymbol": "NIFTY27JAN2624900PE",
            "name": "NIFTY",
            "exchange": "NFO",
            "brexchange": "NFO",
            "token": "",
            "expiry": "27-JAN-26",
            "strike": 24_900.0,
            "lotsize": 25,
            "instrumenttype": "PE",
            "tick_size": 0.05,
            "freeze_qty": 1800,
        }
        await ask("instruments", 404, method="GET", exchange="BSE")
        await ask("instruments", 400, method="GET")
        await ask("instruments", 403, method="GET", exchange="NFO", apikey="wrong")
        await ask("instruments", 405, exchange="NFO")

    asked(work)


def test_holidays_are_those_of_the_configuration(asked):
    days = [date(2026, 1, 26), date(2026, 8, 15), date(2025, 12, 25)]  # the second: a Saturday

    async def work(ask):
        told = await ask("market/holidays", year="2026")
        assert (told["year"], told["timezone"]) == (2026, "Asia/Kolkata")
        [day] = told["data"]
        assert (day["date"], day["holiday_type"]) == ("2026-01-26", "TRADING_HOLIDAY")
        assert {"NSE", "MCX", "CDS"} <= set(day["closed_exchanges"])
        assert (await ask("market/holidays"))["year"] == 2026
        assert len((await ask("market/holidays", year=2025))["data"]) == 1
        assert (await ask("market/timings", date="2026-01-26"))["data"] == []

    asked(work, calendar=Calendar(days))
