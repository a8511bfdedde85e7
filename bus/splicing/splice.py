"""Joining two generations of one adapter into one stream: no gap, no duplicate, no step back.

Two generations see the same stream of a topic, shifted in time. One *leads*: what it sends is
delivered. The other *follows*: what the leader has delivered already is dropped (same content,
stamps of the adapter's own clock left out); what the leader has not delivered yet is held, and
dropped when the leader delivers it. When the leader ends (it said so, or it died) what is still
held follows in order, and the follower leads. A leader that stays silent on a topic for
`HOLD_S` while the follower holds ticks of it loses that topic to the follower; `UNMET_HOLD_S` when
nothing of the follower was found in the leader's stream yet.

A new session's first ticks may have another form, since they come before the broker knows the
mode: these are matched by their trades.

Where the broker samples its sessions differently contents never meet; then order decides:
nothing is delivered whose broker time or day volume lies before the last one delivered; nor,
where sequences go on from one generation to the next (`frames.NUMBERED`), whose sequence does.
There a leader that goes on delivering is not silent: what the follower held before is let go.

Pure: frames and the time go in, frames to deliver come out. The same object serves a restart,
which lasts a second, and a hot standby, which follows for days: what it remembers is bounded
per topic, and topics that nobody wants any more are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bus.frames import NUMBERED, Frame
from bus.splicing.likeness import content_of, form_of, goes_back, in_another_form, is_other
from bus.splicing.sides import FORMS, GREETING, Held, Lag, Sides, told_before

#: How long a follower's tick waits for the leader to deliver it.
HOLD_S: Final = 0.25
#: The same for a follower that was not found in the leader's stream yet: what lies between the two
#: would be lost, and a leader on a busy machine may only be late.
UNMET_HOLD_S: Final = 3.0


class Splice:
    """The generations of one adapter that publish at the same time.

    `last` holds the newest frame per topic that was delivered before the splice began;
    `resumed`: by another generation than the leader.
    """

    def __init__(self, leader: int, last: Mapping[bytes, Frame], *, resumed: bool = False) -> None:
        self.leader = leader
        self._resumed = resumed
        self.duplicates_total = 0
        #: Of these, what a leader told again under the numbers of the one before.
        self.repeated_total = 0
        #: The longest time on any topic between the last tick of one generation and the
        #: first of the next, by their times of receipt.
        self.longest_gap_ns = 0
        self._last = last
        self._topics: dict[bytes, Sides] = {}
        #: Topics of which a follower may hold something: all that `tick` has to look at.
        self._waiting: dict[bytes, Sides] = {}
        self._followers: dict[int, None] = {}

    @property
    def generations(self) -> list[int]:
        return [self.leader, *self._followers]

    def follow(self, generation: int) -> None:
        """Another generation has begun to publish."""
        if generation != self.leader:
            self._followers[generation] = None

    def take(self, generation: int, frames: Iterable[Frame], now: float) -> list[Frame]:
        """Ticks of a generation arrived: those to deliver, in order."""
        out: list[Frame] = []
        for frame in frames:
            topic = self._topic(frame.topic)
            if generation == topic.leader:
                if not (topic.owed or topic.greeting) or self._is_news(topic, frame):
                    self._deliver(topic, frame, out, now)
            else:
                self._follow(topic, topic.lag(generation), frame, now)
        return out

    def remember(self, frame: Frame) -> None:
        """This was delivered elsewhere, last of its topic, before anything came here: a consumer
        goes on where another one stopped."""
        topic = self._topics.get(frame.topic)
        if topic is None or topic.last is not None:
            return
        topic.last = frame
        content = content_of(frame)
        for lag in topic.lags.values():
            if any(held.content == content for held in lag.ahead):
                lag.met, lag.greeting = True, content
            self._lead(lag, frame, content, None)

    def forget(self, name: bytes) -> None:
        """Nobody wants a topic any more."""
        self._topics.pop(name, None)
        self._waiting.pop(name, None)

    def end(self, generation: int) -> list[Frame]:
        """A generation publishes no more: what of the others now follows."""
        self._followers.pop(generation, None)
        if generation == self.leader and self._followers:
            self.longest_gap_ns = 0
            self.leader = next(iter(self._followers))
            self._resumed = True
            del self._followers[self.leader]
        out: list[Frame] = []
        for topic in self._topics.values():
            topic.lags.pop(generation, None)
            if topic.leader == generation:
                self._hand_over(topic, self.leader, out, None)
        return out

    def lead(self, generation: int) -> list[Frame]:
        """A follower leads from now on, though the leader still publishes (its feed is down)."""
        before, self.leader = self.leader, generation
        self._resumed = True
        del self._followers[generation]
        self._followers[before] = None
        self.longest_gap_ns = 0
        out: list[Frame] = []
        for topic in self._topics.values():
            if topic.leader == before:
                self._hand_over(topic, generation, out, None)
        return out

    def tick(self, now: float) -> list[Frame]:
        """The time went on: topics whose leader is silent change hands."""
        out: list[Frame] = []
        for name, topic in list(self._waiting.items()):
            if not any(lag.ahead for lag in topic.lags.values()):
                del self._waiting[name]
                continue
            for generation, lag in topic.lags.items():
                hold_s = HOLD_S if lag.met else UNMET_HOLD_S
                if lag.ahead and now - lag.ahead[0].since >= hold_s:
                    self._let_go(lag)
                    if lag.ahead and now - lag.ahead[0].since >= hold_s:
                        self._hand_over(topic, generation, out, now)
                    break
        return out

    # --- one topic ------------------------------------------------------------------------

    def _topic(self, name: bytes) -> Sides:
        topic = self._topics.get(name)
        if topic is None:
            last = self._last.get(name)
            topic = self._topics[name] = Sides(self.leader, last)
            if self._resumed and last is not None:
                topic.owed.append(content_of(last))
                topic.greeting = GREETING
        return topic

    def _deliver(self, topic: Sides, frame: Frame, out: list[Frame], now: float | None) -> None:
        content = content_of(frame)
        for generation in self._followers if topic.leader == self.leader else self.generations:
            if generation != topic.leader:
                self._lead(topic.lag(generation), frame, content, now)
        if topic.changed_hands and topic.last is not None:
            gap_ns = frame.received_ns - topic.last.received_ns
            self.longest_gap_ns = max(self.longest_gap_ns, gap_ns)
            topic.changed_hands = False
        topic.last = frame
        out.append(frame)

    def _lead(self, lag: Lag, frame: Frame, content: int, now: float | None) -> None:
        """The leader delivers: the follower's same tick, and what it sent before, is passed."""
        for passed, held in enumerate(lag.ahead, start=1):
            if held.content == content:
                self._pass(lag, passed)
                return
        if not lag.met:
            form = form_of(frame)
            for passed, held in enumerate(lag.ahead, start=1):
                if is_other(held.form, form):
                    self._pass(lag, passed)
                    break
            lag.forms.append(form)
        lag.delivered.append(content)
        if lag.ahead and now is not None:
            lag.diverged_at = now

    def _pass(self, lag: Lag, count: int) -> None:
        """The leader has delivered the first so many that the follower sent before it."""
        for _ in range(count):
            lag.ahead.popleft()
        self.duplicates_total += count

    def _follow(self, topic: Sides, lag: Lag, frame: Frame, now: float) -> None:
        content = content_of(frame)
        form = None if lag.met else form_of(frame)
        if content in lag.delivered:
            while lag.delivered.popleft() != content:
                pass  # what the leader delivered before that, the follower has passed, too
            self.duplicates_total += 1
            self._pass(lag, len(lag.ahead))  # sent before what was delivered
            lag.greeting = None if lag.met else content
            lag.met = True
            lag.forms.clear()
        elif content == lag.greeting:
            self.duplicates_total += 1
        elif content == lag.last and lag.fresh:
            self.duplicates_total += 1
            lag.fresh = 0
        elif told_before(lag.forms, form):
            self.duplicates_total += 1
            self._pass(lag, len(lag.ahead))
            lag.greeting = content
        else:
            lag.greeting = None
            lag.ahead.append(Held(content, form, frame, now))
            self._waiting[frame.topic] = topic
        if content != lag.last:
            lag.last = content
            lag.fresh = max(0, lag.fresh - 1)

    def _let_go(self, lag: Lag) -> None:
        """Of what a follower holds, what a leader went past on a way of its own."""
        while lag.ahead and lag.ahead[0].since <= lag.diverged_at:
            lag.ahead.popleft()
            self.duplicates_total += 1

    def _hand_over(
        self, topic: Sides, generation: int, out: list[Frame], now: float | None
    ) -> None:
        """The topic belongs to another generation from now on, beginning with what it held."""
        before = topic.leader
        lag = topic.lag(generation)
        del topic.lags[generation]
        topic.leader = generation
        topic.changed_hands = True
        if before in self.generations:
            topic.lag(before)  # it may wake up: what the new leader delivers is remembered
        topic.owed = lag.delivered
        topic.forms = lag.forms
        last = form_of(topic.last) if topic.last is not None else None
        topic.kind = None if last is None else last.kind
        topic.before_mode = FORMS
        topic.greeted = lag.greeting
        topic.greeting = GREETING if not lag.met or lag.greeting is not None else 0
        for held in lag.ahead:
            if self._is_news(topic, held.frame):
                self._deliver(topic, held.frame, out, now)

    def _is_news(self, topic: Sides, frame: Frame) -> bool:
        """Whether a new leader has come past what the one before it delivered."""
        content = content_of(frame)
        if content in topic.owed:
            while topic.owed.popleft() != content:
                pass
            topic.greeted = content
        elif topic.greeting and (content == topic.greeted or in_another_form(frame, topic.last)):
            pass
        elif topic.forms and told_before(topic.forms, form_of(frame)):
            topic.greeted = content
        elif not goes_back(frame, topic.last):
            topic.owed.clear()
            topic.forms.clear()
            is_greeting = topic.greeting == GREETING and topic.greeted is None
            topic.greeted = content if is_greeting else None
            if not (topic.greeting and self._is_before_its_mode(topic, frame)):
                topic.greeting = max(0, topic.greeting - 1)
            return True
        self.duplicates_total += 1
        self.repeated_total += bool(frame.flags & NUMBERED)
        return False

    @staticmethod
    def _is_before_its_mode(topic: Sides, frame: Frame) -> bool:
        form = form_of(frame)
        if form is None or topic.kind in {None, form.kind} or not topic.before_mode:
            return False
        topic.before_mode -= 1
        return True
