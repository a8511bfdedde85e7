"""When exchanges trade."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.market.hours import HOURS, IST, Calendar, last_time, next_time
from bus.topics import EXCHANGES

CALENDAR = Calendar([date(2026, 1, 26)])  # a Monday


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=IST).timestamp()


@pytest.mark.parametrize(
    ("exchange", "moment", "is_open"),
    [
        ("NSE", "2026-01-23 08:59:59", False),
        ("NSE", "2026-01-23 09:00", True),
        ("NFO", "2026-01-23 15:29", True),
        ("NSE", "2026-01-23 16:00", False),
        ("CDS", "2026-01-23 16:30", True),
        ("MCX", "2026-01-23 23:54", True),
        ("MCX", "2026-01-24 00:30", False),
        ("NSE", "2026-01-24 12:00", False),
        ("NSE", "2026-01-26 12:00", False),
        ("NSE", "2026-01-27 12:00", True),
        ("GLOBAL_INDEX", "2026-01-23 23:00", True),
        ("GLOBAL_INDEX", "2026-01-24 02:00", True),
        ("GLOBAL_INDEX", "2026-01-24 03:00", False),
        ("GLOBAL_INDEX", "2026-01-27 02:00", False),
        ("CRYPTO", "2026-01-25 03:00", True),
    ],
)
def test_hours(exchange, moment, is_open):
    assert CALENDAR.is_open(exchange, at(moment)) is is_open


def test_any_of_several():
    evening = at("2026-01-23 20:00")
    assert CALENDAR.is_any_open(["NSE", "MCX"], evening)
    assert not CALENDAR.is_any_open(["NSE", "BSE"], evening)
    assert not CALENDAR.is_any_open([], evening)


def test_only_crypto_never_closes():
    assert set(EXCHANGES) - set(HOURS) == {"CRYPTO"}


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.times())  # noqa: DTZ001
def test_a_time_of_day_comes_every_day(moment, day_time):
    now = moment.replace(tzinfo=UTC).timestamp()
    day_time = day_time.replace(microsecond=0, fold=0)
    last, following = last_time(day_time, now), next_time(day_time, now)
    assert last <= now < following
    assert following - last == 86_400
    assert datetime.fromtimestamp(last, IST).time() == day_time


def test_the_time_of_day_is_indias():
    assert last_time(time(8, 35), at("2026-01-23 08:35")) == at("2026-01-23 08:35")
    assert last_time(time(8, 35), at("2026-01-23 08:34")) == at("2026-01-22 08:35")
