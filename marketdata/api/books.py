"""OpenAlgo's calls that look at the paper account: orders, trades, positions, holdings, funds."""

from __future__ import annotations

from identity.authority import Identity
from marketdata.api.converting import clock_text, order_data, order_request
from marketdata.api.endpoint import Endpoint, openalgo
from marketdata.api.replies import books as replies
from marketdata.api.replies import orders as order_replies
from marketdata.api.requests import books as shapes
from marketdata.api.requests.common import Account
from marketdata.api.rights import check_exchange, visible
from marketdata.paper import Paper
from marketdata.sandbox.model import Holding, Order, Position, Trade
from marketdata.sandbox.money import Micros, to_decimal, to_float


class Books:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    def endpoints(self) -> list[Endpoint]:
        return [
            openalgo("orderbook", "Orders of today", Account, order_replies.OrderBook, self.orders),
            openalgo("tradebook", "Trades of today", Account, replies.TradeBook, self.trades),
            openalgo("positionbook", "Positions", Account, replies.PositionBook, self.positions),
            openalgo("holdings", "Shares held", Account, replies.Holdings, self.holdings),
            openalgo("funds", "Cash and margin", Account, replies.Funds, self.funds),
            openalgo(
                "openposition",
                "Net quantity of one position",
                shapes.OpenPosition,
                replies.NetQuantity,
                self.open_position,
            ),
            openalgo(
                "margin",
                "What orders together would block",
                shapes.Margin,
                replies.Margin,
                self.margin,
            ),
        ]

    async def orders(self, who: Identity, _asked: Account) -> order_replies.OrderBook:
        orders = visible(who, await self._paper.do(lambda desk: desk.orders(who.user)))
        return order_replies.OrderBook(
            data=order_replies.OrderBookData(
                orders=[order_data(order) for order in orders], statistics=statistics(orders)
            )
        )

    async def trades(self, who: Identity, _asked: Account) -> replies.TradeBook:
        trades = visible(who, await self._paper.do(lambda desk: desk.trades(who.user)))
        return replies.TradeBook(data=[trade_data(trade) for trade in trades])

    async def positions(self, who: Identity, _asked: Account) -> replies.PositionBook:
        positions = visible(who, await self._paper.do(lambda desk: desk.positions(who.user)))
        return replies.PositionBook(data=[position_data(one) for one in positions])

    async def open_position(self, who: Identity, asked: shapes.OpenPosition) -> replies.NetQuantity:
        check_exchange(who, asked.exchange)
        positions = await self._paper.do(lambda desk: desk.positions(who.user))
        key = (asked.exchange, asked.symbol, asked.product)
        found = (p.quantity for p in positions if (p.exchange, p.symbol, p.product) == key)
        return replies.NetQuantity(quantity=str(next(found, 0)))

    async def holdings(self, who: Identity, _asked: Account) -> replies.Holdings:
        held = visible(who, await self._paper.do(lambda desk: desk.holdings(who.user)))
        value = sum((one.last_price or one.average_price) * one.quantity for one in held)
        cost = sum(one.cost for one in held)
        return replies.Holdings(
            data=replies.HoldingBook(
                holdings=[holding_data(one) for one in held],
                statistics=replies.HoldingStatistics(
                    totalholdingvalue=to_float(value),
                    totalinvvalue=to_float(cost),
                    totalprofitandloss=to_float(sum(one.unrealised for one in held)),
                    totalpnlpercentage=percent(sum(one.unrealised for one in held), cost),
                ),
            )
        )

    async def funds(self, who: Identity, _asked: Account) -> replies.Funds:
        funds = await self._paper.do(lambda desk: desk.funds(who.user))
        return replies.Funds(
            data=replies.FundsData(
                availablecash=_text(funds.available),
                collateral=_text(0),
                m2mrealized=_text(funds.realised_today),
                m2munrealized=_text(funds.unrealised),
                utiliseddebits=_text(funds.used),
            )
        )

    async def margin(self, who: Identity, asked: shapes.Margin) -> replies.Margin:
        requests = [order_request(one, "", "", one.quantity) for one in asked.positions]
        total = await self._paper.trade(
            who,
            [(one.exchange, one.symbol) for one in requests],
            lambda desk: desk.margin(who.user, requests),
        )
        return replies.Margin(
            data=replies.MarginData(
                total_margin_required=to_float(total),
                span_margin=0.0,
                exposure_margin=to_float(total),
            )
        )


def statistics(orders: list[Order]) -> order_replies.OrderStatistics:
    return order_replies.OrderStatistics(
        total_buy_orders=sum(order.action == "BUY" for order in orders),
        total_sell_orders=sum(order.action == "SELL" for order in orders),
        total_completed_orders=sum(order.status == "complete" for order in orders),
        total_open_orders=sum(order.is_live for order in orders),
        total_rejected_orders=sum(order.status == "rejected" for order in orders),
    )


def trade_data(trade: Trade) -> replies.TradeData:
    return replies.TradeData(
        tradeid=trade.id,
        orderid=trade.order_id,
        symbol=trade.symbol,
        exchange=trade.exchange,
        action=trade.action,
        product=trade.product,
        quantity=trade.quantity,
        average_price=to_float(trade.price),
        trade_value=to_float(abs(trade.value)),
        strategy=trade.strategy,
        timestamp=clock_text(trade.at_ns),
    )


def position_data(position: Position) -> replies.PositionData:
    return replies.PositionData(
        symbol=position.symbol,
        exchange=position.exchange,
        product=position.product,
        quantity=position.quantity,
        average_price=to_float(position.average_price),
        ltp=to_float(position.last_price),
        pnl=to_float(position.realised_today + position.unrealised),
        realised=to_float(position.realised_today),
        unrealised=to_float(position.unrealised),
    )


def holding_data(held: Holding) -> replies.HoldingData:
    return replies.HoldingData(
        symbol=held.symbol,
        exchange=held.exchange,
        quantity=held.quantity,
        average_price=to_float(held.average_price),
        ltp=to_float(held.last_price),
        pnl=to_float(held.unrealised),
        pnlpercent=percent(held.unrealised, held.cost),
    )


def percent(part: Micros, whole: Micros) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


def _text(amount: Micros) -> str:
    return f"{to_decimal(amount):.2f}"
