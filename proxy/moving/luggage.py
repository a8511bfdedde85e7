"""What a client holds, packed for another process and unpacked there. Pure."""

from __future__ import annotations

from bus.frames import Frame
from proxy.clients.rights import Rights
from proxy.clients.subscribing import Held, want
from proxy.clients.subscriptions import Holdings, Subscription
from proxy.desk import Desk
from proxy.fanout.envelope import Envelope
from proxy.fanout.lane import Member
from proxy.moving.crossing import Crossing
from proxy.moving.freight import Conflated, Conversation, Given, Holding
from proxy.protocol.profile import Profile
from proxy.protocol.requests import Instrument


def pack(holdings: Holdings[Held]) -> list[Holding]:
    """All of it, in order."""
    return [
        Holding(
            *(one.exchange, one.symbol, one.mode, *one.spelled, one.level),
            held.adapter,
            one.broker,
        )
        for one, held in holdings.items()
    ]


def pack_conflated(holdings: Holdings[Held], member: Member) -> Conflated:
    """What a parked client was given last of each."""
    index = {held.envelope: number for number, held in enumerate(holdings.values())}
    seen = member.lane.seen or {}
    return Conflated(
        [
            (index[envelope], Given(frame.generation, frame.sequence) if frame else Given(0, 0))
            for envelope, frame in seen.items()
        ]
    )


def unpack(
    desk: Desk,
    holdings: Holdings[Held],
    member: Member,
    profile: Profile,
    conversation: Conversation,
    crossing: Crossing,
    rights: Rights,
) -> dict[Envelope, Frame | None]:
    """Hold what was packed; returns what a conflated client was given last of each."""
    helds = []
    for one in conversation.holdings:
        spelled = Instrument(one.spelled_symbol, one.spelled_exchange)
        subscription = Subscription(
            one.exchange, one.symbol, one.mode, spelled, one.level, one.broker
        )
        route = rights.route(subscription)
        start = one.adapter.name
        if one.adapter not in route:  # by rules that hold no more, or not yet
            route = (one.adapter,)
        held = want(desk, subscription, route, profile, start)
        holdings.add(subscription, held)
        helds.append(held)
    desk.lanes.add(member, [held.envelope for held in helds], desk.clock.monotonic())
    for held in helds:
        if (last := crossing.last.get(held.topic[:-1])) is not None:
            desk.lanes.routes.seed(last)
    if conversation.conflated is None:
        desk.lanes.settle(member)
        return {}
    return {
        helds[number].envelope: given.frame(helds[number].topic[:-1])
        for number, given in conversation.conflated.given
    }


def missed(holdings: Holdings[Held], crossing: Crossing) -> tuple[bytes, int]:
    """The frames of what came after the other process's last word, and how many they are."""
    due = [
        (frame.received_ns, held.envelope.wrap(frame.payload))
        for held in holdings.values()
        for frame in crossing.after(held.topic[:-1])
    ]
    due.sort(key=lambda one: one[0])  # stable: one topic's ticks keep their order
    return b"".join(data for _, data in due), len(due)
