"""What is done to the system, and in which order: seeded, and pure.

A process that keeps failing ends in a crash loop, which is probed every half minute only. That is
right, and tested elsewhere; here nobody fails more than `FAILURES` times in `WINDOW_S`.
"""

import collections
from dataclasses import dataclass

#: One less than what makes a crash loop, in a little more than its window.
FAILURES = 3
WINDOW_S = 65.0
#: An adapter with a hot standby.
BACKED = "backed"
#: Adapters that things happen to; a further one, `calm`, is left alone.
ADAPTERS = ("a", "b", BACKED)
PATHS = (*ADAPTERS, "calm")
#: What a restart by hand-over is made of, and what is done by one.
HAND_OVERS = frozenset({"restart", "reload", "token"})
#: What ends or stops one process; a standby goes on.
HITS = frozenset({"kill", "pause", "freeze"})


@dataclass(frozen=True)
class Action:
    """`hold_s` is how long it lasts, where it is something that lasts."""

    kind: str
    target: str
    hold_s: float = 0.0

    def __str__(self):
        held = f" for {self.hold_s:.1f} s" if self.hold_s else ""
        return f"{self.kind} {self.target}{held}"

    @property
    def is_failure(self):
        """Whether the target's lifecycle counts it."""
        return self.kind in {"kill", "freeze"} and self.target != "supervisor"

    @property
    def disturbs(self):
        """The paths (adapters) on which ticks may be missed; hand-overs miss none, and with a
        standby whatever happens to the active one misses none."""
        if self.kind in HAND_OVERS or (self.target == BACKED and self.kind in HITS):
            return set()
        if self.target == "proxy":
            return set(PATHS)
        return {self.target} & set(ADAPTERS)

    @property
    def greets(self):
        """Where the last tick may be told again: to a session or a client that comes back."""
        if self.target == "proxy":
            return self.disturbs
        if self.kind in {"disconnect", "refuse"}:
            return {self.target}
        return self.disturbs & {BACKED}  # both of its sessions begin anew

    @property
    def touches(self):
        """All that it may disturb when something else happens at the same time."""
        return self.disturbs | ({self.target} & set(ADAPTERS))


#: kind -> (weight, targets, how long it lasts)
KINDS = {
    "kill": (5, (*ADAPTERS, "proxy", "marketdata", "supervisor"), None),
    #: Stopped for so short that nobody minds.
    "pause": (3, (*ADAPTERS, "proxy", "marketdata", "supervisor"), (0.2, 1.5)),
    #: Stopped until it is found out.
    "freeze": (1, (*ADAPTERS, "proxy", "marketdata"), (9.0, 9.0)),
    "restart": (5, (*ADAPTERS, "marketdata", "proxy", "proxy"), None),
    "hard restart": (2, (*ADAPTERS, "marketdata", "proxy"), None),
    "reload": (2, ADAPTERS, None),
    "token": (2, ADAPTERS, None),
    "disconnect": (3, ADAPTERS, None),
    #: Broken connections and refused logins together: nobody can come back at once.
    "refuse": (2, ADAPTERS, (0.5, 3.0)),
}


class Schedule:
    """An endless series of things to do, one or two at a time."""

    def __init__(self, random):
        self._random = random
        self._failures = collections.defaultdict(collections.deque)

    def next(self, now):
        """One action, or two of different targets that come at nearly the same time."""
        first = self._draw(now, set())
        if self._random.random() < 0.25:
            return [first, self._draw(now, {first.target})]
        return [first]

    def pause_s(self):
        """Between the end of one and the beginning of the next."""
        return self._random.uniform(0.0, 1.0)

    def stagger_s(self):
        """Between the two of a pair."""
        return self._random.uniform(0.0, 0.4)

    def _draw(self, now, taken):
        kinds, weights = zip(*((kind, row[0]) for kind, row in KINDS.items()), strict=True)
        while True:
            kind = self._random.choices(kinds, weights)[0]
            _, targets, lasts = KINDS[kind]
            target = self._random.choice(targets)
            action = Action(kind, target, round(self._random.uniform(*lasts), 1) if lasts else 0.0)
            if target in taken or (action.is_failure and not self._may_fail(target, now)):
                continue
            if action.is_failure:
                self._failures[target].append(now)
            return action

    def _may_fail(self, target, now):
        failures = self._failures[target]
        while failures and now - failures[0] > WINDOW_S:
            failures.popleft()
        return len(failures) < FAILURES
