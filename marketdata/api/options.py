"""OpenAlgo's calls on options that are named by their distance from the underlying's price."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from msgspec.structs import asdict

from identity.authority import Identity
from marketdata.api.converting import order_request
from marketdata.api.endpoint import ApiError, Endpoint, openalgo
from marketdata.api.orders import Orders
from marketdata.api.replies import options as replies
from marketdata.api.requests import options as shapes
from marketdata.api.requests.orders import OrderTerms
from marketdata.api.underlyings import Underlyings, day_named
from marketdata.catalogue import Listed
from marketdata.chain import ChainError, Underlying, strike_at
from marketdata.sandbox.model import OrderRequest


class _Of(Protocol):
    """What a request says of the underlying."""

    underlying: str
    exchange: str
    expiry_date: str


class Options:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, underlyings: Underlyings, orders: Orders) -> None:
        self._underlyings = underlyings
        self._orders = orders

    def endpoints(self) -> list[Endpoint]:
        return [
            openalgo(
                "optionsymbol",
                "The option at a distance from the underlying's price",
                shapes.OptionSymbol,
                replies.OptionSymbol,
                self.symbol,
                "prices",
            ),
            openalgo(
                "optionsorder",
                "Place an order for such an option",
                shapes.OptionOrder,
                replies.OptionOrder,
                self.order,
            ),
            openalgo(
                "optionsmultiorder",
                "Place orders for several of one underlying, purchases first",
                shapes.OptionOrders,
                replies.OptionOrders,
                self.orders,
            ),
        ]

    async def symbol(self, who: Identity, asked: shapes.OptionSymbol) -> replies.OptionSymbol:
        price, [found] = await self._resolved(who, asked, [asked])
        return replies.OptionSymbol(
            symbol=found.symbol,
            exchange=found.exchange,
            lotsize=found.lot_size or 1,
            tick_size=found.tick_size / 1e6,
            freeze_qty=found.freeze_quantity,
            underlying_ltp=price,
        )

    async def order(self, who: Identity, asked: shapes.OptionOrder) -> replies.OptionOrder:
        price, [found] = await self._resolved(who, asked, [asked])
        orderid = await self._orders.place_one(who, _request(asked, found, asked.strategy))
        return replies.OptionOrder(
            orderid=orderid,
            symbol=found.symbol,
            exchange=found.exchange,
            underlying=asked.underlying,
            underlying_ltp=price,
            offset=asked.offset,
            option_type=asked.option_type,
        )

    async def orders(self, who: Identity, asked: shapes.OptionOrders) -> replies.OptionOrders:
        price, found = await self._resolved(who, asked, asked.legs)
        requests = [
            _request(leg, listed, asked.strategy)
            for leg, listed in zip(asked.legs, found, strict=True)
        ]
        outcomes = await self._orders.place_several(who, requests)
        results = [
            replies.LegResult(
                leg=number,
                symbol=request.symbol,
                exchange=request.exchange,
                offset=leg.offset,
                option_type=leg.option_type,
                action=request.action,
                **asdict(outcome),
            )
            for number, (leg, request, outcome) in enumerate(
                zip(asked.legs, requests, outcomes, strict=True), 1
            )
        ]
        return replies.OptionOrders(
            underlying=asked.underlying, underlying_ltp=price, results=results
        )

    async def _resolved(
        self, who: Identity, asked: _Of, legs: Sequence[shapes.OptionChoice]
    ) -> tuple[float, list[Listed]]:
        """The underlying's last price, and the option of each leg. Raises ApiError."""
        try:
            underlying = Underlying.of(asked.exchange, asked.underlying)
            price = await self._underlyings.price(who, underlying.exchange, underlying.symbol)
            found = [
                await asyncio.to_thread(self._option, underlying, asked, leg, price) for leg in legs
            ]
        except ChainError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from None
        return price, found

    def _option(
        self,
        underlying: Underlying,
        asked: _Of,
        leg: shapes.OptionChoice,
        price: float,
    ) -> Listed:
        """Reads the instrument files: for a thread of its own. Raises ChainError."""
        day = day_named(underlying, leg.expiry_date or asked.expiry_date)
        catalogue = self._underlyings.catalogue()
        chain = catalogue.chain(underlying.base, underlying.options, day, leg.option_type)
        return chain[strike_at(list(chain), price, leg.offset, leg.option_type)]


def _request(leg: shapes.OptionLeg, listed: Listed, strategy: str) -> OrderRequest:
    terms = OrderTerms(
        symbol=listed.symbol,
        exchange=listed.exchange,
        action=leg.action,
        pricetype=leg.pricetype,
        product=leg.product,
        price=leg.price,
        trigger_price=leg.trigger_price,
    )
    return order_request(terms, strategy, "", leg.quantity)
