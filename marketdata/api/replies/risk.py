"""Replies about an account's limits, exits, kill switch and audit."""

from __future__ import annotations

from msgspec import Struct

from marketdata.api.replies.common import Paper
from marketdata.sandbox.model import Actor, Product


class Done(Paper, kw_only=True):
    """There is nothing more to say."""


class LimitsData(Struct, kw_only=True):
    max_loss: float
    max_position_value: float
    max_orders_per_minute: int
    #: Why nothing but exits is accepted; empty while trading is on.
    killed: str


class Limits(Paper, kw_only=True):
    data: LimitsData


class ExitRuleData(Struct, kw_only=True):
    symbol: str
    exchange: str
    product: Product
    stop: float
    target: float
    trail: float
    trail_from: float
    best: float


class ExitRules(Paper, kw_only=True):
    data: list[ExitRuleData]


class Killed(Paper, kw_only=True):
    orderids: list[str]


class AuditData(Struct, kw_only=True):
    number: int
    at: str
    actor: Actor
    action: str
    subject: str
    detail: str


class Audit(Paper, kw_only=True):
    data: list[AuditData]
