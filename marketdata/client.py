"""A small typed client of the market-data service, for programs on the same machine.

    from marketdata.client import MarketDataClient

    client = MarketDataClient("the API key")
    client.quote("RELIANCE", "NSE").ltp
    orderid = client.place("RELIANCE", "NSE", "BUY", 10, product="CNC")
    client.set_exit("RELIANCE", "NSE", "CNC", stop=1400.0, trail=5.0)

Blocking, one request at a time and a connection for each; any thread may use it. Prices are rupees,
quantities units. Calls about an account mean the key's own; administrators may name another `user`.

    ClientError            base of the client's errors
    +-- UnreachableError   no answer: whether it was done is not known
    +-- RefusedError       the service said no; has its HTTP status and the rule that was broken
"""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from bus.errors import StreamError
from marketdata.api.replies import books, data, prices, risk, triggers
from marketdata.api.replies import orders as order_replies
from marketdata.api.replies.common import Failure
from marketdata.sandbox.model import Action, PriceType, Product

R = TypeVar("R", bound=Struct)

DEFAULT_URL: Final = "http://127.0.0.1:8766"
_OPENALGO: Final = "/api/v1/"
_OURS: Final = "/marketdata/v1/"


class ClientError(StreamError):
    """Base of the client's errors."""


class UnreachableError(ClientError):
    """There was no answer. A call that changes something may have been carried out."""


class RefusedError(ClientError):
    """The service said no, and nothing was changed."""

    def __init__(self, status: int, message: str, rule: str) -> None:
        super().__init__(message)
        #: HTTP status: 400, 403, 404, 429, 503 ...
        self.status = status
        #: The sandbox's rule that was broken (docs/sandbox.md), where it was one.
        self.rule = rule


class MarketDataClient:
    """All calls raise `RefusedError` and `UnreachableError`."""

    def __init__(self, api_key: str, url: str = DEFAULT_URL, *, timeout_s: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ClientError(f"no http:// address: {url}")
        self._host, self._port = parts.hostname, parts.port or 80
        self._timeout_s = timeout_s
        self._headers = {"X-API-KEY": api_key, "Content-Type": "application/json"}

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
        return self._ask(
            f"{_OPENALGO}orderstatus", order_replies.OneOrder, {"orderid": orderid}
        ).data

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

    # --- the wire ------------------------------------------------------------------------------

    def _ask(self, path: str, kind: type[R], fields: dict[str, Any] | None = None) -> R:
        status, body = self._post(path, msgspec.json.encode(fields or {}))
        try:
            if status == http.HTTPStatus.OK:
                return msgspec.json.decode(body, type=kind)
            failure = msgspec.json.decode(body, type=Failure)
        except msgspec.DecodeError as error:
            raise UnreachableError(f"{self._where}: no answer of this service: {error}") from None
        rule = failure.rule if isinstance(failure.rule, str) else ""
        raise RefusedError(status, failure.message, rule)

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", path, body, self._headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self._where}: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()

    @property
    def _where(self) -> str:
        return f"http://{self._host}:{self._port}"


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
