"""OpenAlgo's calls on the past, answered from what `[recorder]` has recorded here."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

from bus.market.hours import IST
from bus.topics import Mode
from identity.authority import Identity
from marketdata.api.endpoint import ApiError, Endpoint, Request, openalgo
from marketdata.api.replies import history as replies
from marketdata.api.requests import history as shapes
from marketdata.history import READ_S, BrokenError, BusyError, Historian
from marketdata.market import Market
from recording.intervals import INTERVALS, Interval, IntervalError
from recording.questions import Answer, Question

#: Days of one question: more is more than can be read in time, whatever was recorded.
MAX_DAYS: Final = 3700
_STATUS: Final = {
    "empty": HTTPStatus.NOT_FOUND,
    "long": HTTPStatus.SERVICE_UNAVAILABLE,
    "damaged": HTTPStatus.SERVICE_UNAVAILABLE,
}


class History:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, market: Market, historian: Historian) -> None:
        self._market = market
        self._historian = historian

    def endpoints(self) -> list[Endpoint]:
        row = partial(openalgo, right="prices")
        return [
            row(
                "intervals",
                "Lengths of candles",
                Request,
                replies.Intervals,
                self.intervals,
            ),
            row(
                "history",
                "Candles of an instrument, from this system's own recordings",
                shapes.History,
                replies.History,
                self.history,
            ),
        ]

    async def intervals(self, _who: Identity, _asked: Request) -> replies.Intervals:
        return replies.Intervals(data=INTERVALS)

    async def history(self, who: Identity, asked: shapes.History) -> replies.History:
        if refusal := who.scopes.refusal(asked.exchange, Mode.LTP):
            raise ApiError(HTTPStatus.FORBIDDEN, refusal)
        question = self._question(who, asked)
        try:
            answer = await self._historian.ask(question)
        except (BusyError, BrokenError) as error:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
        if answer.failure or not answer.known:
            raise ApiError(_STATUS[answer.failure or "empty"], _why(asked, answer))
        known = answer.known
        return replies.History(
            data=answer.candles,
            recorded=replies.Recorded(
                from_time=known.from_s,
                to_time=known.to_s,
                adapter=known.adapter,
                ticks=known.ticks,
                gaps=[
                    replies.MissingData(
                        from_time=gap.since_ns // 10**9,
                        to_time=gap.until_ns // 10**9,
                        reason=gap.reason,
                        ticks=gap.lost,
                    )
                    for gap in known.gaps
                ],
                gaps_total=known.gaps_total,
                damaged=known.damaged,
            ),
        )

    def _question(self, who: Identity, asked: shapes.History) -> Question:
        """Raises ApiError: no such interval, or no such days."""
        try:
            Interval.of(asked.interval)
            first, last = date.fromisoformat(asked.start_date), date.fromisoformat(asked.end_date)
        except (IntervalError, ValueError) as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        if not 0 <= (last - first).days <= MAX_DAYS:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                f"start_date is not after end_date, and not more than {MAX_DAYS} days before it",
            )
        sees_all = who.scopes.adapters is None and who.broker is None
        return Question(
            folder=self._historian.folder,
            exchange=asked.exchange,
            symbol=asked.symbol,
            interval=asked.interval,
            from_ns=_midnight_ns(first),
            to_ns=_midnight_ns(last + timedelta(days=1)) - 1,
            adapters=None if sees_all else [one.word for one in self._market.allowed(who)],
            limit_s=READ_S,
        )


def _midnight_ns(day: date) -> int:
    return int(datetime.combine(day, time(), IST).timestamp()) * 10**9


def _why(asked: shapes.History, answer: Answer) -> str:
    """What is missing, and what to do about it; the folder is nobody's business here."""
    name = f"{asked.exchange}:{asked.symbol}"
    if answer.failure == "long":
        return f"{name}: there is {answer.message}; ask for fewer days"
    if answer.failure == "damaged":
        return "The recordings cannot be read; `openalgo-stream recordings verify` says why"
    return (
        f"No tick of {name} was recorded from {asked.start_date} to {asked.end_date}. History is "
        "made of this system's own recordings: set [recorder] enabled = true, and "
        f'symbols = ["{name}"] to have it recorded whether or not anybody subscribes to it'
    )
