"""Our own calls on the data itself: how fresh it is, whether it is safe to trade on, status."""

from __future__ import annotations

from collections.abc import Callable

from bus.topics import Mode
from identity.authority import Identity
from marketdata.api.endpoint import Endpoint, Request, ours
from marketdata.api.replies import data as replies
from marketdata.api.requests import data as shapes
from marketdata.api.requests.common import MAX_SYMBOLS
from marketdata.market import Market
from marketdata.paper import Paper


class DataCalls:
    """The handlers; `endpoints` are their rows. `lost` tells what the bus lost on its way here."""

    def __init__(self, market: Market, paper: Paper, lost: Callable[[], int]) -> None:
        self._market = market
        self._paper = paper
        self._lost = lost

    def endpoints(self) -> list[Endpoint]:
        return [
            ours(
                "gate",
                "State, age and trade-management gate of instruments",
                shapes.Freshness,
                replies.Gates,
                self.gates,
                "prices",
            ),
            ours(
                "status",
                "Feeds, cache, demand and losses",
                Request,
                replies.ServiceStatus,
                self.status,
                "prices",
            ),
        ]

    async def gates(self, who: Identity, asked: shapes.Freshness) -> replies.Gates:
        market = self._market
        feeds = market.allowed(who)
        words = {feed.word for feed in feeds}
        keys = [(one.exchange, one.symbol) for one in asked.symbols] or [
            (entry.exchange, entry.symbol) for entry in market.values if entry.feed in words
        ][:MAX_SYMBOLS]
        return replies.Gates(
            data=[self._gate(who, exchange, symbol) for exchange, symbol in dict.fromkeys(keys)]
        )

    def _gate(self, who: Identity, exchange: str, symbol: str) -> replies.GateData:
        feeds = self._market.allowed(who)
        entry = self._market.find(feeds, exchange, symbol)
        gate = self._market.gate(feeds, exchange, symbol)
        feed = self._market.feeds.by_word(entry.feed) if entry is not None else None
        may_see = any(not who.scopes.refusal(exchange, mode) for mode in Mode)
        return replies.GateData(
            symbol=symbol,
            exchange=exchange,
            adapter=feed.name if feed is not None else "",
            state=gate.state,
            age_s=None if gate.age_s is None else round(gate.age_s, 3),
            safe=gate.safe,
            reason=gate.reason,
            ltp=entry.track.price if entry is not None and may_see else None,
        )

    async def status(self, who: Identity, _asked: Request) -> replies.ServiceStatus:
        market = self._market
        feeds = []
        for feed in market.allowed(who):
            fresh = market.of_feed(feed)
            feeds.append(
                replies.FeedData(
                    adapter=feed.name,
                    broker=feed.broker,
                    state=fresh.state,
                    age_s=None if fresh.age_s is None else round(fresh.age_s, 3),
                    reason=fresh.reason,
                )
            )
        return replies.ServiceStatus(
            data=replies.StatusData(
                feeds=feeds,
                instruments=market.values.instruments,
                topics=len(market.values),
                ticks_total=market.values.ticks_total,
                held_back={reason.value: n for reason, n in market.values.held.items()},
                wanted=len(market.holds),
                leases=market.holds.leases,
                waiting=market.board.waiting,
                conflated_total=market.board.conflated_total,
                lost_total=self._lost(),
                sandbox=self._paper.state,
            )
        )
