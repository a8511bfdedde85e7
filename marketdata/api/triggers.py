"""OpenAlgo's calls for good-till-triggered orders, on the paper account.

SINGLE has one trigger, OCO two of which one cancels the other. Which side of the price a trigger
lies on is the desk's to see, from the price at placement; `triggerprice_sl` and `_tg` only say it.
"""

from __future__ import annotations

from http import HTTPStatus

from identity.authority import Identity
from marketdata.api.converting import clock_text
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.replies import triggers as replies
from marketdata.api.requests import triggers as shapes
from marketdata.api.rights import check_exchange, visible
from marketdata.market import Market
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.model import Action, Gtt, GttRequest, LegRequest
from marketdata.sandbox.money import to_float, to_micros


class Triggers:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, market: Market, paper: Paper) -> None:
        self._market = market
        self._paper = paper

    def endpoints(self) -> list[Endpoint]:
        return [
            openalgo(
                "placegttorder",
                "Place an order that waits for a price",
                shapes.GttFields,
                replies.TriggerId,
                self.place,
            ),
            openalgo(
                "modifygttorder",
                "Replace all that a waiting order says",
                shapes.ModifyGtt,
                replies.TriggerId,
                self.modify,
            ),
            openalgo(
                "cancelgttorder",
                "Cancel a waiting order",
                shapes.OneGtt,
                replies.TriggerId,
                self.cancel,
            ),
            openalgo(
                "gttorderbook",
                "Waiting orders, or all of them",
                shapes.GttBook,
                replies.GttBook,
                self.book,
            ),
        ]

    async def place(self, who: Identity, asked: shapes.GttFields) -> replies.TriggerId:
        request = gtt_request(asked)

        def work(desk: Desk) -> str:
            return desk.place_gtt(who.user, request)

        key = (asked.exchange, asked.symbol)
        trigger_id = await self._paper.trade(who, [key], work)
        return replies.TriggerId(trigger_id=trigger_id)

    async def modify(self, who: Identity, asked: shapes.ModifyGtt) -> replies.TriggerId:
        request = gtt_request(asked)

        def work(desk: Desk) -> str:
            own_gtt(desk, who, asked.trigger_id)
            return desk.modify_gtt(who.user, asked.trigger_id, request).id

        key = (asked.exchange, asked.symbol)
        trigger_id = await self._paper.trade(who, [key], work)
        return replies.TriggerId(trigger_id=trigger_id)

    async def cancel(self, who: Identity, asked: shapes.OneGtt) -> replies.TriggerId:
        def work(desk: Desk) -> str:
            own_gtt(desk, who, asked.trigger_id)
            return desk.cancel_gtt(who.user, asked.trigger_id).id

        return replies.TriggerId(trigger_id=await self._paper.do(work))

    async def book(self, who: Identity, asked: shapes.GttBook) -> replies.GttBook:
        gtts = visible(who, await self._paper.do(lambda desk: desk.gtts(who.user)))
        shown = [gtt for gtt in gtts if asked.status == "all" or gtt.status == "active"]
        shown.sort(key=lambda gtt: gtt.status != "active")
        return replies.GttBook(data=[self._data(who, gtt) for gtt in shown])

    def _data(self, who: Identity, gtt: Gtt) -> replies.GttData:
        legs = sorted(gtt.legs, key=lambda leg: leg.trigger_price)
        entry = self._market.find(self._market.allowed(who), gtt.exchange, gtt.symbol)
        return replies.GttData(
            trigger_id=gtt.id,
            trigger_type="single" if len(legs) == 1 else "two-leg",
            status=gtt.status,
            symbol=gtt.symbol,
            exchange=gtt.exchange,
            trigger_prices=[to_float(leg.trigger_price) for leg in legs],
            last_price=entry.track.price if entry is not None else 0.0,
            legs=[
                replies.GttLeg(
                    action=leg.action,
                    quantity=leg.quantity,
                    price=to_float(leg.price),
                    pricetype=leg.pricetype,
                    product=gtt.product,
                    status=leg.status,
                    orderid=leg.order_id,
                )
                for leg in legs
            ],
            created_at=clock_text(gtt.placed_ns),
            updated_at="",
            expires_at=clock_text(gtt.expires_ns),
        )


def own_gtt(desk: Desk, who: Identity, trigger_id: str) -> None:
    """Raises ApiError: one on an exchange that the key may not have."""
    for gtt in desk.gtts(who.user):
        if gtt.id == trigger_id:
            check_exchange(who, gtt.exchange)


def gtt_request(asked: shapes.GttFields) -> GttRequest:
    """A waiting order as the desk takes it. Raises ApiError: fields that contradict each other."""
    below, above = asked.triggerprice_sl or 0.0, asked.triggerprice_tg or 0.0
    if asked.trigger_type.upper() == "OCO":
        stop, target = asked.stoploss or 0.0, asked.target or 0.0
        if not (below and above and stop and target):
            raise _refusal("Required for OCO: triggerprice_sl, stoploss, triggerprice_tg, target")
        if below >= above:
            raise _refusal("Stoploss trigger must be less than target trigger")
        legs = [_leg(asked, below, stop), _leg(asked, above, target)]
    else:
        if bool(below) == bool(above):
            raise _refusal("SINGLE GTT takes exactly one of triggerprice_sl and triggerprice_tg")
        legs = [_leg(asked, below or above, asked.price)]
    return GttRequest(
        exchange=asked.exchange,
        symbol=asked.symbol,
        product=asked.product,
        legs=legs,
        strategy=asked.strategy,
    )


def _leg(asked: shapes.GttFields, trigger: float, price: float) -> LegRequest:
    action: Action = "BUY" if asked.action.upper() == "BUY" else "SELL"
    return LegRequest(
        action=action,
        quantity=asked.quantity,
        trigger_price=to_micros(trigger),
        pricetype=asked.pricetype,
        price=to_micros(price) if asked.pricetype == "LIMIT" else 0,
    )


def _refusal(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, "trigger")
