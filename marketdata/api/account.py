"""Our own calls on the paper account: limits, stops, the kill switch, the audit trail."""

from __future__ import annotations

from identity.authority import Identity
from marketdata.api import replies, shapes
from marketdata.api.books import clock_text
from marketdata.api.endpoint import Endpoint, Request, ours
from marketdata.paper import Paper
from marketdata.sandbox.desk import Desk
from marketdata.sandbox.model import ExitRule, Limits
from marketdata.sandbox.money import to_float, to_micros


class Risk:
    """The handlers; `endpoints` are their rows."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    def endpoints(self) -> list[Endpoint]:
        return [
            ours("limits", "The account's limits", Request, replies.Limits, self.limits),
            ours(
                "limits/set",
                "Replace the account's limits",
                shapes.SetLimits,
                replies.Limits,
                self.set_limits,
            ),
            ours("exits", "Stops and targets of positions", Request, replies.ExitRules, self.exits),
            ours(
                "exits/set",
                "Set or remove the stop, target or trailing stop of a position",
                shapes.SetExitRule,
                replies.ExitRules,
                self.set_exit,
            ),
            ours(
                "kill",
                "Cancel and close everything and accept nothing more, or end that",
                shapes.KillSwitch,
                replies.Killed,
                self.kill,
            ),
            ours("audit", "Who did what, newest last", shapes.Audit, replies.Audit, self.audit),
            ours(
                "reset",
                "Everything back to the starting capital",
                Request,
                replies.Paper,
                self.reset,
            ),
        ]

    async def limits(self, who: Identity, _asked: Request) -> replies.Limits:
        return _limits(await self._paper.do(lambda desk: desk.limits(who.user)))

    async def set_limits(self, who: Identity, asked: shapes.SetLimits) -> replies.Limits:
        limits = Limits(
            account=who.user,
            max_loss=to_micros(asked.max_loss),
            max_position_value=to_micros(asked.max_position_value),
            max_orders_per_minute=asked.max_orders_per_minute,
        )

        def work(desk: Desk) -> Limits:
            desk.set_limits(limits)
            return desk.limits(who.user)

        return _limits(await self._paper.do(work))

    async def exits(self, who: Identity, _asked: Request) -> replies.ExitRules:
        return _exits(await self._paper.do(lambda desk: desk.exit_rules(who.user)))

    async def set_exit(self, who: Identity, asked: shapes.SetExitRule) -> replies.ExitRules:
        rule = ExitRule(
            account=who.user,
            exchange=asked.exchange,
            symbol=asked.symbol,
            product=asked.product,
            stop=to_micros(asked.stop),
            target=to_micros(asked.target),
            trail=to_micros(asked.trail),
            trail_from=to_micros(asked.trail_from),
        )

        def work(desk: Desk) -> list[ExitRule]:
            desk.set_exit_rule(rule)
            return desk.exit_rules(who.user)

        return _exits(await self._paper.do(work))

    async def kill(self, who: Identity, asked: shapes.KillSwitch) -> replies.Killed:
        orders = await self._paper.do(lambda desk: desk.kill_switch(who.user, asked.reason))
        return replies.Killed(orderids=orders)

    async def audit(self, who: Identity, asked: shapes.Audit) -> replies.Audit:
        entries = await self._paper.do(lambda desk: desk.audit(who.user, asked.last))
        return replies.Audit(
            data=[
                replies.AuditData(
                    number=entry.number,
                    at=clock_text(entry.at_ns),
                    actor=entry.actor,
                    action=entry.action,
                    subject=entry.subject,
                    detail=entry.detail,
                )
                for entry in entries
            ]
        )

    async def reset(self, who: Identity, _asked: Request) -> replies.Paper:
        await self._paper.do(lambda desk: desk.reset(who.user))
        return replies.Paper()


def _limits(limits: Limits) -> replies.Limits:
    return replies.Limits(
        data=replies.LimitsData(
            max_loss=to_float(limits.max_loss),
            max_position_value=to_float(limits.max_position_value),
            max_orders_per_minute=limits.max_orders_per_minute,
            killed=limits.killed,
        )
    )


def _exits(rules: list[ExitRule]) -> replies.ExitRules:
    return replies.ExitRules(
        data=[
            replies.ExitRuleData(
                symbol=rule.symbol,
                exchange=rule.exchange,
                product=rule.product,
                stop=to_float(rule.stop),
                target=to_float(rule.target),
                trail=to_float(rule.trail),
                trail_from=to_float(rule.trail_from),
                best=to_float(rule.best),
            )
            for rule in rules
        ]
    )
