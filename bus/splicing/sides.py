"""What a splice knows of one topic: who leads it, and how far each follower is behind or ahead."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from bus.frames import Frame
from bus.splicing.likeness import Form, content_of, form_of, is_other

#: Contents of the leader remembered per topic for a follower that lags behind.
REMEMBERED: Final = 256
#: Forms of the leader's ticks remembered per topic for a follower that was not found yet.
FORMS: Final = 64
#: The broker's greeting may be news, and a tick may come before it is told again with the mode:
#: during so many ticks of a new session the last one may be repeated.
GREETING: Final = 3


class Held(NamedTuple):
    """A follower's tick that the leader has not delivered yet."""

    content: int
    #: While the follower is not met; each tick of the leader is compared with it.
    form: Form | None
    frame: Frame
    since: float


class Lag:
    """A follower on one topic, as against the leader."""

    __slots__ = ("ahead", "delivered", "diverged_at", "forms", "fresh", "greeting", "last", "met")

    def __init__(self) -> None:
        #: Whether it was found in the leader's stream, and by which content at first. Brokers
        #: greet a new session with the last tick, and some again when its mode is set.
        self.met = False
        self.greeting: int | None = None
        #: Its last tick, and during how many more that may be told again, once: a tick may come
        #: between the greeting and the mode.
        self.last: int | None = None
        self.fresh = GREETING
        #: What the leader delivered and the follower has not sent yet.
        self.delivered: deque[int] = deque(maxlen=REMEMBERED)
        #: The same by their trades, until it is met: before the broker knows the mode, a
        #: session's ticks have another form than the leader's, so their contents never meet.
        self.forms: deque[Form | None] = deque(maxlen=FORMS)
        #: What the follower sent and the leader has not delivered yet.
        self.ahead: deque[Held] = deque()
        #: When the leader last delivered what the follower, being ahead, does not have.
        self.diverged_at = float("-inf")


class Sides:
    """The generations on one topic."""

    __slots__ = (
        "before_mode",
        "changed_hands",
        "forms",
        "greeted",
        "greeting",
        "kind",
        "lags",
        "last",
        "leader",
        "owed",
    )

    def __init__(self, leader: int, last: Frame | None) -> None:
        self.leader = leader
        self.last = last
        self.changed_hands = False
        #: What the leader before delivered and this one has yet to pass.
        self.owed: deque[int] = deque()
        self.forms: deque[Form | None] = deque()
        #: What came with its ticks, and how many of this one's may come in another form before
        #: the mode's greeting is not waited for any more.
        self.kind: tuple[bool, bool] | None = None
        self.before_mode = 0
        #: How much news of the leader's may still be told again, in the form of another mode;
        #: and what may be in the same form.
        self.greeting = 0
        self.greeted: int | None = None
        self.lags: dict[int, Lag] = {}

    def lag(self, generation: int) -> Lag:
        lag = self.lags.get(generation)
        if lag is None:
            lag = self.lags[generation] = Lag()
            if self.last is not None:  # the broker greets a new session with the last tick
                lag.delivered.append(content_of(self.last))
                lag.forms.append(form_of(self.last))
        return lag


def told_before(forms: deque[Form | None], form: Form | None) -> bool:
    """Whether this trade was told in another form; that, and what came before, is passed."""
    for passed, other in enumerate(forms, start=1):
        if is_other(form, other):
            for _ in range(passed):
                forms.popleft()
            return True
    return False
