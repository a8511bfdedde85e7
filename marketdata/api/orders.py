"""OpenAlgo's calls that place, change and look at single orders, on the paper account."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from msgspec.structs import asdict

from identity.authority import Identity
from marketdata.api.converting import order_data, order_request
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.replies import orders as replies
from marketdata.api.requests import orders as shapes
from marketdata.api.requests.common import MAX_PIECES, Account
from marketdata.api.rights import check_exchange, visible
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.errors import Rejection, SandboxError
from marketdata.sandbox.model import Action, Change, Order, OrderRequest, Product
from marketdata.sandbox.money import to_micros


class Orders:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    def endpoints(self) -> list[Endpoint]:
        return [
            openalgo(
                "placeorder", "Place an order", shapes.PlaceOrder, replies.OrderId, self.place
            ),
            openalgo(
                "placesmartorder",
                "Trade until the position has a given size",
                shapes.PlaceSmartOrder,
                replies.SmartOrder,
                self.place_smart,
            ),
            openalgo(
                "basketorder",
                "Place several orders, purchases first",
                shapes.BasketOrder,
                replies.Basket,
                self.place_basket,
            ),
            openalgo(
                "splitorder",
                "Place a large order in pieces",
                shapes.SplitOrder,
                replies.Split,
                self.place_split,
            ),
            openalgo(
                "modifyorder",
                "Change an open order",
                shapes.ModifyOrder,
                replies.OrderId,
                self.modify,
            ),
            openalgo(
                "cancelorder", "Cancel an order", shapes.OneOrder, replies.OrderId, self.cancel
            ),
            openalgo(
                "cancelallorder",
                "Cancel every open order",
                Account,
                replies.Cancelled,
                self.cancel_all,
            ),
            openalgo(
                "closeposition",
                "Close all positions at market, or one",
                shapes.ClosePosition,
                replies.Closed,
                self.close_position,
            ),
            openalgo(
                "orderstatus",
                "One order of today",
                shapes.OneOrder,
                replies.OneOrder,
                self.status,
            ),
        ]

    async def place(self, who: Identity, asked: shapes.PlaceOrder) -> replies.OrderId:
        request = order_request(asked, asked.strategy, asked.ref, asked.quantity)
        return replies.OrderId(orderid=await self.place_one(who, request))

    async def place_one(self, who: Identity, request: OrderRequest) -> str:
        """The new order's id. Raises ApiError: the rule that it breaks."""
        key = (request.exchange, request.symbol)
        return await self._paper.trade(who, [key], lambda desk: desk.place(who.user, request))

    async def place_several(
        self, who: Identity, requests: Sequence[OrderRequest]
    ) -> list[replies.Outcome]:
        """Purchases first; the outcomes in the order of the requests."""
        turns = sorted(range(len(requests)), key=lambda turn: requests[turn].action)
        outcomes = await self._place_all(who, [requests[turn] for turn in turns])
        by_turn = dict(zip(turns, outcomes, strict=True))
        return [by_turn[turn] for turn in range(len(requests))]

    async def place_smart(self, who: Identity, asked: shapes.PlaceSmartOrder) -> replies.SmartOrder:
        def work(desk: Desk) -> replies.SmartOrder:
            held = net_quantity(desk, who.user, asked.exchange, asked.symbol, asked.product)
            action, quantity = smart(
                "BUY" if asked.action.upper() == "BUY" else "SELL",
                asked.quantity,
                asked.position_size,
                held,
            )
            if not quantity:
                done = "Positions Already Matched. No Action needed."
                nothing = "No OpenPosition Found. Not placing Exit order."
                return replies.SmartOrder(message=done if asked.quantity else nothing)
            request = order_request(asked, asked.strategy, "", quantity, action)
            return replies.SmartOrder(orderid=desk.place(who.user, request))

        key = (asked.exchange, asked.symbol)
        return await self._paper.trade(who, [key], work)

    async def place_basket(self, who: Identity, asked: shapes.BasketOrder) -> replies.Basket:
        requests = [
            order_request(one, asked.strategy, one.ref, one.quantity) for one in asked.orders
        ]
        outcomes = await self.place_several(who, requests)
        results = [
            replies.BasketResult(symbol=request.symbol, **asdict(outcome))
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
        return replies.Basket(results=results)

    async def place_split(self, who: Identity, asked: shapes.SplitOrder) -> replies.Split:
        sizes = split(asked.quantity, asked.splitsize)
        if len(sizes) > MAX_PIECES:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                f"{len(sizes)} orders would be needed; one call places {MAX_PIECES}",
            )
        requests = [
            order_request(asked, asked.strategy, asked.ref and f"{asked.ref}#{number}", size)
            for number, size in enumerate(sizes, 1)
        ]
        outcomes = await self._place_all(who, requests)
        results = [
            replies.SplitResult(order_num=number, quantity=size, **asdict(outcome))
            for number, (size, outcome) in enumerate(zip(sizes, outcomes, strict=True), 1)
        ]
        return replies.Split(
            split_size=asked.splitsize, total_quantity=asked.quantity, results=results
        )

    async def _place_all(
        self, who: Identity, requests: Sequence[OrderRequest]
    ) -> list[replies.Outcome]:
        """In this order; one that is refused keeps no other back."""

        def work(desk: Desk) -> list[replies.Outcome]:
            return [attempt(desk, who.user, request) for request in requests]

        keys = [(request.exchange, request.symbol) for request in requests]
        return await self._paper.trade(who, keys, work)

    async def modify(self, who: Identity, asked: shapes.ModifyOrder) -> replies.OrderId:
        change = Change(
            quantity=asked.quantity,
            price=to_micros(asked.price),
            trigger_price=to_micros(asked.trigger_price),
            pricetype=asked.pricetype,
        )

        def work(desk: Desk) -> str:
            order = own_order(desk, who, asked.orderid)
            for name in ("symbol", "exchange", "action", "product"):
                said = getattr(asked, name)
                if said and str(said).upper() != str(getattr(order, name)).upper():
                    raise Rejection("fixed", f"an order's {name} cannot be changed")
            return desk.modify(who.user, asked.orderid, change).id

        return replies.OrderId(orderid=await self._paper.do(work))

    async def cancel(self, who: Identity, asked: shapes.OneOrder) -> replies.OrderId:
        def work(desk: Desk) -> str:
            return desk.cancel(who.user, own_order(desk, who, asked.orderid).id).id

        return replies.OrderId(orderid=await self._paper.do(work))

    async def cancel_all(self, who: Identity, _asked: Account) -> replies.Cancelled:
        def work(desk: Desk) -> list[str]:
            live = [order.id for order in visible(who, desk.orders(who.user)) if order.is_live]
            return [desk.cancel(who.user, orderid).id for orderid in live]

        cancelled = await self._paper.do(work)
        return replies.Cancelled(
            message=f"Canceled {len(cancelled)} orders. Failed to cancel 0 orders.",
            canceled_orders=cancelled,
            failed_cancellations=[],
        )

    async def close_position(self, who: Identity, asked: shapes.ClosePosition) -> replies.Closed:
        def work(desk: Desk) -> tuple[int, list[str]]:
            open_ones = [
                position
                for position in visible(who, desk.positions(who.user))
                if position.quantity
                and asked.exchange in {"", position.exchange}
                and asked.symbol in {"", position.symbol}
                and asked.product in {None, position.product}
            ]
            closing = [
                desk.close_position(who.user, one.exchange, one.symbol, one.product)
                for one in open_ones
            ]
            return len(closing), [orderid for orderids in closing for orderid in orderids]

        closed, orderids = await self._paper.do(work)
        message = f"Closed {closed} positions" if closed else "No open positions to close"
        return replies.Closed(message=message, closed_positions=closed, orderids=orderids)

    async def status(self, who: Identity, asked: shapes.OneOrder) -> replies.OneOrder:
        order = await self._paper.do(lambda desk: own_order(desk, who, asked.orderid))
        return replies.OneOrder(data=order_data(order))


def own_order(desk: Desk, who: Identity, orderid: str) -> Order:
    """An order of the account. Raises ApiError: on an exchange that the key may not have."""
    order = desk.order(who.user, orderid)
    check_exchange(who, order.exchange)
    return order


def net_quantity(desk: Desk, account: str, exchange: str, symbol: str, product: Product) -> int:
    """What the account holds of an instrument in a product; short is negative."""
    for position in desk.positions(account):
        if (position.exchange, position.symbol, position.product) == (exchange, symbol, product):
            return position.quantity
    return 0


def smart(action: Action, quantity: int, wanted: int, held: int) -> tuple[Action, int]:
    """What a smart order trades to get from `held` to `wanted`; quantity 0: nothing.

    Flat and wanted flat, it is an ordinary order: that is how OpenAlgo's clients open one.
    """
    if not wanted and not held:
        return action, quantity
    return ("BUY" if wanted > held else "SELL"), abs(wanted - held)


def split(quantity: int, size: int) -> list[int]:
    """Pieces of at most `size`, the rest last. Never more than one too many for one call."""
    whole, rest = divmod(quantity, size)
    whole = min(whole, MAX_PIECES + 1)
    return [size] * whole + ([rest] if rest else [])


def attempt(desk: Desk, account: str, request: OrderRequest) -> replies.Outcome:
    """The order's id, or why there is none."""
    try:
        return replies.Outcome(status="success", orderid=desk.place(account, request))
    except SandboxError as error:
        return replies.Outcome(status="error", message=str(error))
