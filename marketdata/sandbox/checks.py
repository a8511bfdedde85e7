"""What an order has to be before anything else is asked. Pure; each broken rule has its word."""

from __future__ import annotations

from datetime import date
from typing import Final

from bus.market.instruments import Contract
from marketdata.sandbox.errors import Rejection
from marketdata.sandbox.model import OrderRequest
from marketdata.sandbox.money import MAX_MICROS, to_decimal
from marketdata.sandbox.rules import value

_PRODUCTS: Final = {"share": ("CNC", "MIS"), "future": ("NRML", "MIS"), "option": ("NRML", "MIS")}
_PRICED: Final = frozenset({"LIMIT", "SL"})
_TRIGGERED: Final = frozenset({"SL", "SL-M"})
MAX_QUANTITY: Final = 10**9


def check(request: OrderRequest, contract: Contract, today: date) -> None:
    """Refuse an order that no account and no market could take.

    Raises:
        Rejection: says which rule is broken.
    """
    _check_contract(request, contract, today)
    _check_quantity(request, contract)
    _check_prices(request, contract)


def _check_contract(request: OrderRequest, contract: Contract, today: date) -> None:
    products = _PRODUCTS.get(contract.kind)
    if products is None:
        raise Rejection("not_tradable", f"{contract.symbol} is an index: it cannot be traded")
    if request.product not in products:
        use = " or ".join(products)
        raise Rejection("product", f"{request.product} is not for {contract.exchange}; use {use}")
    if contract.expiry is not None and contract.expiry < today:
        raise Rejection("expired", f"{contract.symbol} expired on {contract.expiry}")


def _check_quantity(request: OrderRequest, contract: Contract) -> None:
    quantity, lot, freeze = request.quantity, contract.lot_size, contract.freeze_quantity
    if not 0 < quantity <= MAX_QUANTITY:
        raise Rejection("quantity", f"quantity is 1 to {MAX_QUANTITY}, was {quantity}")
    if quantity % lot:
        raise Rejection("lot_size", f"quantity is a multiple of the lot size {lot}, was {quantity}")
    if freeze and quantity > freeze:
        raise Rejection(
            "freeze_quantity", f"quantity is at most {freeze} per order, was {quantity}; split it"
        )


def _check_prices(request: OrderRequest, contract: Contract) -> None:
    kind = request.pricetype
    if kind in _PRICED and request.price <= 0:
        raise Rejection("price", f"a {kind} order needs a price above 0")
    if kind in _TRIGGERED and request.trigger_price <= 0:
        raise Rejection("trigger_price", f"a {kind} order needs a trigger price above 0")
    for rule, price, counts in (
        ("price", request.price, kind in _PRICED),
        ("trigger_price", request.trigger_price, kind in _TRIGGERED),
    ):
        if not counts:
            continue
        if contract.tick_size and price % contract.tick_size:
            tick = to_decimal(contract.tick_size).normalize()
            raise Rejection(
                "tick_size", f"{rule} is a multiple of {tick:f}, was {to_decimal(price):f}"
            )
        if value(request.quantity, price, contract.contract_value) > MAX_MICROS:
            raise Rejection("value", "the order's value is beyond what is counted here")
    if kind == "SL":
        _check_stop_limit(request)


def _check_stop_limit(request: OrderRequest) -> None:
    """A stop whose limit lies before its trigger would never be filled where it triggers."""
    buys = request.action == "BUY"
    if (request.price < request.trigger_price) if buys else (request.price > request.trigger_price):
        side = "at or above" if buys else "at or below"
        raise Rejection("stop_limit", f"the price of this SL order is {side} its trigger price")
