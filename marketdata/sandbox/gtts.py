"""Good-till-triggered orders, single and OCO: they wait for a price, then place an order. Pure.

A leg fires when the last price crosses its trigger from the side on which it was when the GTT
was placed. Firing, the order that follows and the end of the other leg are one change: there is no
moment at which a crash could fire a leg twice or leave it half done.
"""

from __future__ import annotations

from marketdata.sandbox.account import Account
from marketdata.sandbox.admission import check_money
from marketdata.sandbox.checks import check
from marketdata.sandbox.errors import NotFound, Rejection
from marketdata.sandbox.matching import replace
from marketdata.sandbox.model import (
    Gtt,
    GttRequest,
    GttStatus,
    Leg,
    LegRequest,
    OrderRequest,
    Product,
)
from marketdata.sandbox.money import Micros, to_decimal
from marketdata.sandbox.orders import Orders
from marketdata.sandbox.state import State, Symbol, no_price, today


class Gtts:
    """The life of GTTs, on a `State`."""

    def __init__(self, state: State, orders: Orders) -> None:
        self._state = state
        self._orders = orders

    def place(self, name: str, request: GttRequest, now_ns: int) -> Gtt:
        """A new GTT with its margin blocked.

        Raises:
            Rejection: the rule that is broken.
        """
        account = self._state.account(name)
        if account.limits.killed:
            raise Rejection("kill_switch", f"trading is switched off: {account.limits.killed}")
        symbol = self._orders.admission.symbol(request.exchange, request.symbol)
        ltp = self._ltp(symbol, now_ns)
        blocked = self._margin(account, symbol, request, ltp, now_ns)
        check_money(blocked, account.available)
        self._state.counters.gtts += 1
        number = self._state.counters.gtts
        gtt = Gtt(
            id=f"GTT-{today(now_ns):%y%m%d}-{number % 2**32:08x}",
            account=name,
            exchange=request.exchange,
            symbol=request.symbol,
            product=request.product,
            strategy=request.strategy,
            status="active",
            placed_ns=now_ns,
            expires_ns=now_ns + self._state.rules.gtt_life_ns,
            blocked=blocked,
            legs=(),
        )
        return self._put(account, replace(gtt, legs=_legs(gtt.id, request, ltp)))

    def modify(self, name: str, gtt_id: str, request: GttRequest, now_ns: int) -> Gtt:
        """Other legs for an active GTT of the same instrument; on a broken rule it stays.

        Raises:
            Rejection: the rule that is broken.
        """
        gtt = self._active(name, gtt_id)
        if (request.exchange, request.symbol) != (gtt.exchange, gtt.symbol):
            raise Rejection("gtt_symbol", "a GTT keeps its instrument; cancel it and place another")
        account = self._state.account(name)
        symbol = self._orders.admission.symbol(gtt.exchange, gtt.symbol)
        ltp = self._ltp(symbol, now_ns)
        blocked = self._margin(account, symbol, request, ltp, now_ns)
        check_money(blocked, max(account.available + gtt.blocked, gtt.blocked))
        self._unindex(gtt)
        account.used -= gtt.blocked
        changed = replace(
            gtt, product=request.product, blocked=blocked, legs=_legs(gtt.id, request, ltp)
        )
        return self._put(account, changed)

    def cancel(self, name: str, gtt_id: str) -> Gtt:
        """Raises Rejection: it is not active, or there is no such GTT."""
        return self._end(self._active(name, gtt_id), "cancelled")

    def cancel_all(self, name: str) -> list[Gtt]:
        chosen = [g for g in self._state.gtts.values() if g.account == name and _is_active(g)]
        return [self._end(gtt, "cancelled") for gtt in chosen]

    def expire(self, now_ns: int) -> None:
        """End those whose life is over."""
        for gtt in [g for g in self._state.gtts.values() if _is_active(g)]:
            if gtt.expires_ns <= now_ns:
                self._expire(gtt, now_ns)

    def close_contract(self, symbol: Symbol, now_ns: int) -> None:
        """The contract expired: nothing can be triggered any more."""
        for leg_id in [*symbol.gtts_above, *symbol.gtts_below]:
            gtt = self._state.gtts[leg_id.rpartition(".")[0]]
            if _is_active(gtt):
                self._expire(gtt, now_ns)

    def _expire(self, gtt: Gtt, now_ns: int) -> None:
        self._end(gtt, "expired")
        what = f"{gtt.exchange}:{gtt.symbol}"
        self._state.audit(gtt.account, "schedule", "expired", gtt.id, what, now_ns=now_ns)

    def on_price(self, symbol: Symbol, now_ns: int) -> None:
        """The last price moved: fire the legs whose trigger it has come to."""
        ltp = symbol.quote.ltp
        for ladder in (symbol.gtts_above, symbol.gtts_below):
            if ladder.is_reached(ltp):
                for leg_id in ladder.reached(ltp):
                    gtt = self._state.gtts[leg_id.rpartition(".")[0]]
                    if _is_active(gtt):  # not ended by the other leg a moment ago
                        self._fire(gtt, leg_id, now_ns)

    def index(self, gtt: Gtt) -> None:
        """Let the pending legs wait where the market will find them."""
        symbol = self._state.symbol(gtt.exchange, gtt.symbol)
        for leg in gtt.legs:
            ladder = symbol.gtts_above if leg.direction == "above" else symbol.gtts_below
            ladder.add(leg.trigger_price, gtt.placed_ns, leg.id)
        symbol.rebound()

    def _unindex(self, gtt: Gtt) -> None:
        symbol = self._state.symbol(gtt.exchange, gtt.symbol)
        for leg in gtt.legs:
            ladder = symbol.gtts_above if leg.direction == "above" else symbol.gtts_below
            ladder.remove(leg.trigger_price, gtt.placed_ns, leg.id)
        symbol.rebound()

    def _fire(self, gtt: Gtt, leg_id: str, now_ns: int) -> None:
        """The order takes over the margin; when it is refused, the GTT ends as rejected."""
        leg = next(leg for leg in gtt.legs if leg.id == leg_id)
        self._end(gtt, "triggered", fired=leg_id)
        met = to_decimal(self._state.symbol(gtt.exchange, gtt.symbol).quote.ltp)
        self._state.audit(gtt.account, "gtt", "fired", leg_id, f"last price {met:f}", now_ns=now_ns)
        request = _order(gtt.exchange, gtt.symbol, gtt.product, leg, gtt.strategy)
        try:
            order = self._orders.place(gtt.account, request, now_ns, source="gtt", leg_id=leg_id)
        except Rejection as refusal:
            self._save(replace(self._state.gtts[gtt.id], status="rejected", reason=str(refusal)))
            why = f"{refusal.rule}: {refusal}"
            self._state.audit(gtt.account, "gtt", "refused", leg_id, why, now_ns=now_ns)
            return
        ended = self._state.gtts[gtt.id]
        legs = tuple(replace(x, order_id=order.id) if x.id == leg_id else x for x in ended.legs)
        self._save(replace(ended, legs=legs))

    def _end(self, gtt: Gtt, status: GttStatus, fired: str = "") -> Gtt:
        self._unindex(gtt)
        account = self._state.accounts[gtt.account]
        account.used -= gtt.blocked
        self._state.changes.accounts[account.name] = account
        legs = tuple(
            replace(leg, status="triggered" if leg.id == fired else "cancelled") for leg in gtt.legs
        )
        return self._save(replace(gtt, status=status, blocked=0, legs=legs))

    def _put(self, account: Account, gtt: Gtt) -> Gtt:
        account.used += gtt.blocked
        self._state.changes.accounts[account.name] = account
        self.index(gtt)
        return self._save(gtt)

    def _save(self, gtt: Gtt) -> Gtt:
        self._state.gtts[gtt.id] = gtt
        self._state.changes.gtts[gtt.id] = gtt
        return gtt

    def _ltp(self, symbol: Symbol, now_ns: int) -> Micros:
        state = self._state
        state.refresh(symbol)
        if not state.is_fresh(symbol, now_ns):
            contract, quote = symbol.contract, symbol.quote
            raise no_price(contract.exchange, contract.symbol, is_stale=quote.received_ns > 0)
        return symbol.quote.ltp

    def _margin(
        self, account: Account, symbol: Symbol, request: GttRequest, ltp: Micros, now_ns: int
    ) -> Micros:
        """What the legs block, each checked as the order that it will become."""
        _check_legs(request.legs, ltp)
        margins = []
        for leg in request.legs:
            order = _order(request.exchange, request.symbol, request.product, leg, request.strategy)
            check(order, symbol.contract, today(now_ns))
            margins.append(self._orders.admission.needed(account, symbol, order, now_ns)[1])
        return sum(margins) if self._state.rules.oco_margin == "sum" else max(margins)

    def _active(self, name: str, gtt_id: str) -> Gtt:
        gtt = self._state.gtts.get(gtt_id)
        if gtt is None or gtt.account != name:
            raise NotFound("gtt", f"no GTT {gtt_id[:32]!r}")
        if not _is_active(gtt):
            raise Rejection("gtt_state", f"the GTT is {gtt.status}")
        return gtt


def _is_active(gtt: Gtt) -> bool:
    return gtt.status == "active"


def _check_legs(legs: list[LegRequest], ltp: Micros) -> None:
    if not 1 <= len(legs) <= 2:
        raise Rejection("gtt_legs", f"a GTT has one leg or two, not {len(legs)}")
    if any(leg.pricetype not in {"LIMIT", "MARKET"} for leg in legs):
        raise Rejection("gtt_pricetype", "a leg of a GTT becomes a LIMIT or a MARKET order")
    for leg in legs:
        if leg.trigger_price <= 0 or leg.trigger_price == ltp:
            raise Rejection(
                "trigger_price",
                f"a trigger price is above 0 and not the last price {to_decimal(ltp):f}",
            )
    if len({leg.trigger_price > ltp for leg in legs}) < len(legs):
        raise Rejection("oco_sides", "one leg of an OCO is above the last price and one below")


def _legs(gtt_id: str, request: GttRequest, ltp: Micros) -> tuple[Leg, ...]:
    return tuple(
        Leg(
            id=f"{gtt_id}.{number}",
            gtt_id=gtt_id,
            action=leg.action,
            quantity=leg.quantity,
            trigger_price=leg.trigger_price,
            pricetype=leg.pricetype,
            price=leg.price,
            direction="above" if leg.trigger_price > ltp else "below",
        )
        for number, leg in enumerate(request.legs, 1)
    )


def _order(
    exchange: str, symbol: str, product: Product, leg: LegRequest | Leg, strategy: str
) -> OrderRequest:
    return OrderRequest(
        exchange=exchange,
        symbol=symbol,
        action=leg.action,
        quantity=leg.quantity,
        pricetype=leg.pricetype,
        product=product,
        price=leg.price,
        strategy=strategy,
    )
