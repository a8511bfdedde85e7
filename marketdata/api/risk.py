"""Our own calls on the paper account: limits, stops, the kill switch, the audit trail."""

from __future__ import annotations

from identity.authority import Identity
from marketdata.api.converting import clock_text
from marketdata.api.endpoint import Endpoint, ours
from marketdata.api.replies import risk as replies
from marketdata.api.requests import risk as shapes
from marketdata.api.rights import (
    account_of,
    check_account,
    check_exchange,
    note_administrator,
    visible,
    whole_account,
)
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
            ours("limits", "The account's limits", shapes.Of, replies.Limits, self.limits),
            ours(
                "limits/set",
                "Replace the account's limits",
                shapes.SetLimits,
                replies.Limits,
                self.set_limits,
            ),
            ours(
                "exits",
                "Stops and targets of positions",
                shapes.Of,
                replies.ExitRules,
                self.exits,
            ),
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
                shapes.Of,
                replies.Done,
                self.reset,
            ),
        ]

    async def limits(self, who: Identity, asked: shapes.Of) -> replies.Limits:
        user = account_of(who, asked.user)

        def work(desk: Desk) -> Limits:
            check_account(who, user, desk)
            return desk.limits(user)

        return _limits(await self._paper.do(work))

    async def set_limits(self, who: Identity, asked: shapes.SetLimits) -> replies.Limits:
        user = whole_account(who, asked.user)
        limits = Limits(
            account=user,
            max_loss=to_micros(asked.max_loss),
            max_position_value=to_micros(asked.max_position_value),
            max_orders_per_minute=asked.max_orders_per_minute,
        )

        def work(desk: Desk) -> Limits:
            note_administrator(who, user, desk, "limits")
            desk.set_limits(limits)
            return desk.limits(user)

        return _limits(await self._paper.do(work))

    async def exits(self, who: Identity, asked: shapes.Of) -> replies.ExitRules:
        user = account_of(who, asked.user)

        def work(desk: Desk) -> list[ExitRule]:
            check_account(who, user, desk)
            return desk.exit_rules(user)

        return _exits(visible(who, await self._paper.do(work)))

    async def set_exit(self, who: Identity, asked: shapes.SetExitRule) -> replies.ExitRules:
        user = account_of(who, asked.user)
        check_exchange(who, asked.exchange)
        rule = ExitRule(
            account=user,
            exchange=asked.exchange,
            symbol=asked.symbol,
            product=asked.product,
            stop=to_micros(asked.stop),
            target=to_micros(asked.target),
            trail=to_micros(asked.trail),
            trail_from=to_micros(asked.trail_from),
        )

        def work(desk: Desk) -> list[ExitRule]:
            note_administrator(who, user, desk, "exit rule")
            desk.set_exit_rule(rule)
            return desk.exit_rules(user)

        return _exits(visible(who, await self._paper.do(work)))

    async def kill(self, who: Identity, asked: shapes.KillSwitch) -> replies.Killed:
        user = whole_account(who, asked.user)

        def work(desk: Desk) -> list[str]:
            note_administrator(who, user, desk, "kill switch")
            return desk.kill_switch(user, asked.reason)

        return replies.Killed(orderids=await self._paper.do(work))

    async def audit(self, who: Identity, asked: shapes.Audit) -> replies.Audit:
        user = whole_account(who, asked.user)
        entries = await self._paper.do(lambda desk: desk.audit(user, asked.last))
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

    async def reset(self, who: Identity, asked: shapes.Of) -> replies.Done:
        user = whole_account(who, asked.user)

        def work(desk: Desk) -> None:
            note_administrator(who, user, desk, "reset")
            desk.reset(user)

        await self._paper.do(work)
        return replies.Done()


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
