"""What a batch of events changed, for the store to make durable and for others to be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from marketdata.sandbox.account import Account
from marketdata.sandbox.model import (
    AuditEntry,
    ExitRule,
    Gtt,
    Holding,
    Order,
    Position,
    Product,
    Trade,
)
from marketdata.sandbox.money import Micros


@dataclass
class DayResult:
    """An account at the end of a day, `day` as YYYY-MM-DD."""

    account: str
    day: str
    realised: Micros
    unrealised: Micros
    cash: Micros
    holdings: Micros


@dataclass
class Changes:
    """The last state counts of whatever changed several times; of orders each one is told."""

    accounts: dict[str, Account] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    told: list[Order] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    positions: dict[tuple[str, str, str, Product], Position | None] = field(default_factory=dict)
    holdings: dict[tuple[str, str, str], Holding | None] = field(default_factory=dict)
    gtts: dict[str, Gtt] = field(default_factory=dict)
    exit_rules: dict[tuple[str, str, str, Product], ExitRule | None] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    days: list[DayResult] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def position(self, position: Position) -> None:
        key = (position.account, position.exchange, position.symbol, position.product)
        self.positions[key] = position

    def holding(self, holding: Holding) -> None:
        """One without shares is gone."""
        key = (holding.account, holding.exchange, holding.symbol)
        self.holdings[key] = holding if holding.quantity else None
