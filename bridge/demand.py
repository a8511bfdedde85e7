"""What a site wants, told to the bridge over there, and how long that holds. Pure.

A site says its demand in numbered changes and renews it; the bridge holds it until the lease
ends. A bridge that does not know the number before (it is new, or a change was lost) says so,
and the site says everything again as a new *life*, which replaces the one before when its last
part is there: nothing is given up in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

#: Topics in one message: some 40 bytes each, and NATS takes 1 MiB.
CHUNK: Final = 2000


class Word(Struct, frozen=True, kw_only=True):
    """From a site. Topics are `EXCHANGE:SYMBOL:MODE`. Without topics it renews."""

    site: str
    life: str
    version: int
    want: list[str] = []
    leave: list[str] = []
    #: The first part of a life, and whether more of it follows before it counts.
    begins: bool = False
    more: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """From the bridge: whether it now knows what the site wants, how the adapter stands, and
    what that said of the topics."""

    known: bool
    lease_s: float
    state: str
    detail: str = ""
    #: Events of the bus, as JSON.
    verdicts: list[msgspec.Raw] = field(default_factory=list)


encode: Final = msgspec.json.Encoder().encode
decode_word: Final = msgspec.json.Decoder(Word).decode
decode_answer: Final = msgspec.json.Decoder(Answer).decode


class SiteDemand:
    """At the site: what is wanted here, and the words that are still to be said of it."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._wanted: set[str] = set()
        self._life = ""
        self._version = 0
        self._told: set[str] = set()
        self._parts: list[list[str]] = []
        self._asked: Word | None = None

    @property
    def wanted(self) -> frozenset[str]:
        return frozenset(self._wanted)

    @property
    def is_told(self) -> bool:
        """Whether the bridge knows all that is wanted."""
        return bool(self._life) and not self._parts and self._told == self._wanted

    def want(self, topic: str) -> None:
        self._wanted.add(topic)

    def leave(self, topic: str) -> None:
        self._wanted.discard(topic)

    def begin(self, life: str) -> None:
        """Say everything again, under a name that was never used before."""
        everything = sorted(self._wanted)
        self._life, self._version, self._told = life, 0, set(everything)
        self._parts = [everything[n : n + CHUNK] for n in range(0, len(everything), CHUNK)] or [[]]

    def word(self) -> Word:
        """What to say now; the same again until it is answered. Begin first."""
        if self._asked is None or self._asked.life != self._life:
            self._asked = self._next()
        return self._asked

    def answered(self, *, known: bool) -> bool:
        """The word was heard. False: the bridge does not follow; begin again."""
        asked, self._asked = self._asked, None
        if not known or asked is None:
            self._life = ""
            return False
        if self._parts:
            self._parts.pop(0)
        self._version = asked.version
        self._told = (self._told | set(asked.want)) - set(asked.leave)
        return True

    def _next(self) -> Word:
        if self._parts:
            want, more = self._parts[0], len(self._parts) > 1
            leave: list[str] = []
        else:
            want = sorted(self._wanted - self._told)[:CHUNK]
            leave, more = sorted(self._told - self._wanted)[:CHUNK], False
        changed = bool(self._parts or want or leave)
        return Word(
            site=self._site,
            life=self._life,
            version=self._version + changed,
            want=want,
            leave=leave,
            begins=self._version == 0,
            more=more,
        )


class Change(NamedTuple):
    """A topic that some site wants, and none did; or none does any more."""

    topic: str
    wanted: bool


class _Lease:
    def __init__(self) -> None:
        self.life = ""
        self.version = 0
        self.topics: set[str] = set()
        self.until = 0.0
        #: A life that is not whole yet: its name, its version and its topics.
        self.coming: tuple[str, int, set[str]] | None = None


class Leases:
    """At the bridge: the demand of all sites for one adapter."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._leases: dict[str, _Lease] = {}

    @property
    def sites(self) -> int:
        return len(self._leases)

    @property
    def topics(self) -> set[str]:
        return set().union(*(lease.topics for lease in self._leases.values()))

    def hear(self, word: Word, now: float) -> tuple[bool, list[Change]]:
        """Whether this could be followed, and what it changes."""
        lease = self._leases.get(word.site)
        fresh = lease is None or word.life != lease.life
        if fresh and not word.begins and not self._continues(lease, word):
            return False, []
        if lease is None:
            lease = self._leases[word.site] = _Lease()
        lease.until = now + self._lease_s
        if fresh:
            return True, self._come(lease, word)
        if word.version == lease.version:  # a renewal, or said twice
            return True, []
        if word.version != lease.version + 1:
            return False, []
        lease.version = word.version
        return True, self._become(lease, (lease.topics | set(word.want)) - set(word.leave))

    def extend(self, now: float) -> None:
        """Nobody could be heard until now: everybody gets another lease."""
        for lease in self._leases.values():
            lease.until = now + self._lease_s

    def expire(self, now: float) -> tuple[list[str], list[Change]]:
        """Sites that have said nothing for too long, and what that changes."""
        ended = [site for site, lease in self._leases.items() if lease.until <= now]
        changes: list[Change] = []
        for site in ended:
            changes += self._become(self._leases[site], set())
            del self._leases[site]
        return ended, changes

    @staticmethod
    def _continues(lease: _Lease | None, word: Word) -> bool:
        if lease is None or lease.coming is None:
            return False
        life, version, _ = lease.coming
        return life == word.life and word.version in {version, version + 1}

    def _come(self, lease: _Lease, word: Word) -> list[Change]:
        """A part of a new life; with the last one it counts."""
        topics: set[str] = set()
        if self._continues(lease, word) and lease.coming is not None:
            topics = lease.coming[2]
        topics |= set(word.want)
        if word.more:
            lease.coming = word.life, word.version, topics
            return []
        lease.life, lease.version, lease.coming = word.life, word.version, None
        return self._become(lease, topics)

    def _become(self, lease: _Lease, topics: set[str]) -> list[Change]:
        before = self.topics
        lease.topics = topics
        after = self.topics
        return [*_changes(after - before, wanted=True), *_changes(before - after, wanted=False)]


def _changes(topics: Iterable[str], *, wanted: bool) -> Sequence[Change]:
    return [Change(topic, wanted) for topic in sorted(topics)]
