"""A small typed client of the market-data service, for programs on the same machine.

    from marketdata.client import MarketDataClient

    client = MarketDataClient("the API key")
    client.quote("RELIANCE", "NSE").ltp
    orderid = client.place("RELIANCE", "NSE", "BUY", 10, product="CNC")
    client.set_exit("RELIANCE", "NSE", "CNC", stop=1400.0, trail=5.0)

Blocking, one request at a time and a connection for each; any thread may use it. Prices are rupees,
quantities units. Calls about an account mean the key's own; administrators may name another `user`.
Errors are those of `marketdata.wire`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from marketdata.api.replies import books, data, history, options, prices, risk, triggers
from marketdata.api.replies import orders as order_replies
from marketdata.sandbox.model import Action, PriceType, Product
from marketdata.wire import ClientError, RefusedError, UnreachableError, Wire

__all__ = ["ClientError", "MarketDataClient", "RefusedError", "UnreachableError"]

DEFAULT_URL: Final = "http://127.0.0.1:8766"
_OPENALGO: Final = "/api/v1/"
_OURS: Final = "/marketdata/v1/"


class MarketDataClient:
    """All calls raise `RefusedError` and `UnreachableError`."""

    def __init__(self, api_key: str, url: str = DEFAULT_URL, *, timeout_s: float = 60.0) -> None:
        """Raises ClientError: that is no address."""
        self._ask = Wire(api_key, url, timeout_s).ask

    # --- prices --------------------------------------------------------------------------------

    def quote(self, symbol: str, exchange: str) -> prices.QuoteData:
        """The last quote; subscribes the instrument where nobody has."""
        fields = {"symbol": symbol, "exchange": exchange}
        return self._ask(f"{_OPENALGO}quotes", prices.Quote, fields).data

    def quotes(self, instruments: Iterable[tuple[str, str]]) -> list[prices.MultiQuote]:
        """Of many (symbol, exchange), in their order; each has its data or its own error."""
        fields = {"symbols": _listed(instruments)}
        return self._ask(f"{_OPENALGO}multiquotes", prices.MultiQuotes, fields).results

    def depth(self, symbol: str, exchange: str) -> prices.DepthData:
        """The last book."""
        fields = {"symbol": symbol, "exchange": exchange}
        return self._ask(f"{_OPENALGO}depth", prices.Depth, fields).data

    def gate(self, instruments: Iterable[tuple[str, str]] = ()) -> list[data.GateData]:
        """State, age in seconds, and whether it is safe to manage trades on the last price, of
        these (symbol, exchange); of all that are known without any."""
        return self._ask(f"{_OURS}gate", data.Gates, {"symbols": _listed(instruments)}).data

    def status(self) -> data.StatusData:
        """Feeds, cache, demand and losses."""
        return self._ask(f"{_OURS}status", data.ServiceStatus).data

    def history(
        self, symbol: str, exchange: str, interval: str, first: date, last: date
    ) -> history.History:
        """Candles of recorded days, and from when to when something is known."""
        fields = {"symbol": symbol, "exchange": exchange, "interval": interval}
        fields |= {"start_date": first.isoformat(), "end_date": last.isoformat()}
        return self._ask(f"{_OPENALGO}history", history.History, fields)

    # --- options -------------------------------------------------------------------------------

    def option_chain(
        self, underlying: str, exchange: str, expiry: str = "", strikes: int | None = None
    ) -> options.OptionChain:
        """An underlying's options of one day (`28OCT25`), so many strikes around the price."""
        fields = {"underlying": underlying, "exchange": exchange, "expiry_date": expiry}
        counted = fields | {"strike_count": strikes}
        return self._ask(f"{_OPENALGO}optionchain", options.OptionChain, counted)

    def greeks(
        self, symbol: str, exchange: str, *, rate: float = 0.0, forward: float | None = None
    ) -> options.OptionGreeks:
        """Implied volatility and greeks; `rate` in percent per year, `forward` in place of the
        underlying's last price."""
        fields = {"symbol": symbol, "exchange": exchange, "interest_rate": rate}
        given = fields | {"forward_price": forward}
        return self._ask(f"{_OPENALGO}optiongreeks", options.OptionGreeks, given)

    # --- orders --------------------------------------------------------------------------------

    def place(
        self,
        symbol: str,
        exchange: str,
        action: Action,
        quantity: int,
        *,
        product: Product = "MIS",
        pricetype: PriceType = "MARKET",
        price: float = 0.0,
        trigger_price: float = 0.0,
        strategy: str = "",
        ref: str = "",
    ) -> str:
        """The id of a new order. `ref` marks it: a second call with the same one gives the first
        one's order back, so that a call without an answer may be repeated."""
        fields = _order(symbol, exchange, action, quantity, product, pricetype)
        fields |= {"price": price, "trigger_price": trigger_price, "strategy": strategy}
        fields["ref"] = ref or uuid.uuid4().hex
        return self._ask(f"{_OPENALGO}placeorder", order_replies.OrderId, fields).orderid

    def modify(
        self,
        orderid: str,
        quantity: int,
        *,
        price: float = 0.0,
        trigger_price: float = 0.0,
        pricetype: PriceType | None = None,
    ) -> None:
        """Replace what a live order says."""
        fields = {"orderid": orderid, "quantity": quantity, "price": price}
        fields |= {"trigger_price": trigger_price, "pricetype": pricetype}
        self._ask(f"{_OPENALGO}modifyorder", order_replies.OrderId, fields)

    def cancel(self, orderid: str) -> None:
        """Cancel a live order."""
        self._ask(f"{_OPENALGO}cancelorder", order_replies.OrderId, {"orderid": orderid})

    def cancel_all(self) -> list[str]:
        """The ids of those that were cancelled."""
        return self._ask(f"{_OPENALGO}cancelallorder", order_replies.Cancelled).canceled_orders

    def close(self, symbol: str = "", exchange: str = "") -> list[str]:
        """Close positions at market, all when none is named; the ids of the orders."""
        fields = {"symbol": symbol, "exchange": exchange}
        return self._ask(f"{_OPENALGO}closeposition", order_replies.Closed, fields).orderids

    # --- books ---------------------------------------------------------------------------------

    def order(self, orderid: str) -> order_replies.OrderData:
        """One order, of any day."""
        fields = {"orderid": orderid}
        return self._ask(f"{_OPENALGO}orderstatus", order_replies.OneOrder, fields).data

    def orders(self) -> list[order_replies.OrderData]:
        """Today's and the live ones, oldest first."""
        return self._ask(f"{_OPENALGO}orderbook", order_replies.OrderBook).data.orders

    def trades(self) -> list[books.TradeData]:
        """Today's, oldest first."""
        return self._ask(f"{_OPENALGO}tradebook", books.TradeBook).data

    def positions(self) -> list[books.PositionData]:
        """Open ones, and those closed today, at their last prices."""
        return self._ask(f"{_OPENALGO}positionbook", books.PositionBook).data

    def holdings(self) -> list[books.HoldingData]:
        """Shares in the depository, at their last prices."""
        return self._ask(f"{_OPENALGO}holdings", books.Holdings).data.holdings

    def funds(self) -> books.FundsData:
        """Cash and margin, as text with two decimals."""
        return self._ask(f"{_OPENALGO}funds", books.Funds).data

    # --- GTT -----------------------------------------------------------------------------------

    def place_gtt(
        self,
        symbol: str,
        exchange: str,
        action: Action,
        quantity: int,
        *,
        below: float = 0.0,
        above: float = 0.0,
        price: float,
        product: Product = "CNC",
    ) -> str:
        """The id of an order that waits until the price is `below` or `above` a trigger; `price`
        is its limit."""
        fields = _order(symbol, exchange, action, quantity, product, "LIMIT")
        fields |= {"triggerprice_sl": below, "triggerprice_tg": above, "price": price}
        return self._ask(f"{_OPENALGO}placegttorder", triggers.TriggerId, fields).trigger_id

    def place_oco(
        self,
        symbol: str,
        exchange: str,
        action: Action,
        quantity: int,
        *,
        below: float,
        stoploss: float,
        above: float,
        target: float,
        product: Product = "CNC",
    ) -> str:
        """The id of a pair of which one cancels the other: with the limit `stoploss` when the price
        is `below` its trigger, with the limit `target` when it is `above` the other."""
        fields = _order(symbol, exchange, action, quantity, product, "LIMIT")
        fields |= {"trigger_type": "OCO", "triggerprice_sl": below, "triggerprice_tg": above}
        fields |= {"stoploss": stoploss, "target": target}
        return self._ask(f"{_OPENALGO}placegttorder", triggers.TriggerId, fields).trigger_id

    def cancel_gtt(self, trigger_id: str) -> None:
        """Cancel one that waits."""
        fields = {"trigger_id": trigger_id}
        self._ask(f"{_OPENALGO}cancelgttorder", triggers.TriggerId, fields)

    def gtts(self, *, ended: bool = False) -> list[triggers.GttData]:
        """Those that wait; with `ended` all of them."""
        fields = {"status": "all" if ended else "active"}
        return self._ask(f"{_OPENALGO}gttorderbook", triggers.GttBook, fields).data

    # --- risk ----------------------------------------------------------------------------------

    def limits(self, user: str = "") -> risk.LimitsData:
        """The account's limits, and why it is switched off, if it is."""
        return self._ask(f"{_OURS}limits", risk.Limits, {"user": user}).data

    def set_limits(
        self,
        *,
        max_loss: float = 0.0,
        max_position_value: float = 0.0,
        max_orders_per_minute: int = 0,
        user: str = "",
    ) -> risk.LimitsData:
        """Replace all limits; 0 leaves one out."""
        fields = {"max_loss": max_loss, "max_position_value": max_position_value, "user": user}
        fields["max_orders_per_minute"] = max_orders_per_minute
        return self._ask(f"{_OURS}limits/set", risk.Limits, fields).data

    def exits(self, user: str = "") -> list[risk.ExitRuleData]:
        """Stops, targets and trailing stops of open positions."""
        return self._ask(f"{_OURS}exits", risk.ExitRules, {"user": user}).data

    def set_exit(
        self,
        symbol: str,
        exchange: str,
        product: Product,
        *,
        stop: float = 0.0,
        target: float = 0.0,
        trail: float = 0.0,
        trail_from: float = 1.0,
        user: str = "",
    ) -> list[risk.ExitRuleData]:
        """Stop, target and trailing stop of a position; none of them removes the rule. All rules
        as they are then."""
        fields = {"symbol": symbol, "exchange": exchange, "product": product, "user": user}
        prices_of = {"stop": stop, "target": target, "trail": trail, "trail_from": trail_from}
        return self._ask(f"{_OURS}exits/set", risk.ExitRules, fields | prices_of).data

    def kill(self, reason: str, user: str = "") -> list[str]:
        """Cancel and close everything and accept nothing more; the ids of the exit orders."""
        if not reason:
            raise ClientError("the kill switch needs a reason; `resume` ends it")
        return self._ask(f"{_OURS}kill", risk.Killed, {"reason": reason, "user": user}).orderids

    def resume(self, user: str = "") -> None:
        """Trade again after `kill`."""
        self._ask(f"{_OURS}kill", risk.Killed, {"reason": "", "user": user})

    def audit(self, last: int = 100, user: str = "") -> list[risk.AuditData]:
        """Who did what, the newest entries, oldest first."""
        return self._ask(f"{_OURS}audit", risk.Audit, {"last": last, "user": user}).data

    def reset(self, user: str = "") -> None:
        """Everything back to the starting capital."""
        self._ask(f"{_OURS}reset", risk.Done, {"user": user})


def _listed(instruments: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"symbol": symbol, "exchange": exchange} for symbol, exchange in instruments]


def _order(
    symbol: str,
    exchange: str,
    action: Action,
    quantity: int,
    product: Product,
    pricetype: PriceType,
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "exchange": exchange,
        "action": action,
        "quantity": quantity,
        "product": product,
        "pricetype": pricetype,
    }
