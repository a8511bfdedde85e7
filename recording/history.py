"""`python -m recording.history`: one question about an instrument's past, answered from recordings.

A question is one line of JSON on standard input, its answer one on standard output. It is a process
of its own, for reading a day of ticks takes a core for seconds, which nobody else may wait for.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from bus.errors import StreamError, TopicError
from bus.frames import Frame
from bus.topics import Topic
from recording.archive import Archive
from recording.candles import Candles
from recording.errors import EmptyError, RecordingError
from recording.intervals import Interval
from recording.questions import Answer, Known, Question
from recording.records import Damage
from recording.segment import OnDamage, Segment

#: The clock is looked at once in so many ticks.
_LOOK_EVERY: Final = 64
_MOST_GAPS: Final = 100
#: Below everybody who has to be in time.
_NICE: Final = 10


class TooLongError(StreamError):
    """More is to be read than time was given for."""


def answer(question: Question) -> Answer:
    """Never raises for what may be wrong with recordings."""
    try:
        with Archive(Path(question.folder)) as archive:
            return _read(archive, question)
    except EmptyError as error:
        return Answer(failure="empty", message=str(error))
    except TooLongError as error:
        return Answer(failure="long", message=str(error))
    except RecordingError as error:
        return Answer(failure="damaged", message=str(error))


def _read(archive: Archive, question: Question) -> Answer:
    segments = [one for one in archive.segments if _overlaps(one, question)]
    topics = _topics(segments, question)
    if not topics:
        raise EmptyError(f"{archive.path}: no tick of {question.exchange}:{question.symbol}")
    candles = Candles(Interval.of(question.interval), question.exchange)
    count = first_ns = last_ns = damaged = 0

    def on_damage(_segment: Segment, damage: Damage) -> None:
        nonlocal damaged
        damaged += damage.lost or 0  # unknown at the end of what is still being written

    frames = _frames(segments, topics, question, on_damage)
    for frame in _in_time(frames, question.limit_s):
        candles.add(frame)
        first_ns = first_ns or frame.received_ns
        last_ns = frame.received_ns
        count += 1
    if not count:
        raise EmptyError(f"{archive.path}: no tick of {question.exchange}:{question.symbol}")
    gaps = [
        gap
        for segment in segments
        for gap in segment.index.gaps
        if gap.until_ns >= first_ns and gap.since_ns <= last_ns
    ]
    largest = sorted(gaps, key=lambda gap: gap.since_ns - gap.until_ns)[:_MOST_GAPS]
    return Answer(
        candles=candles.all(),
        known=Known(
            from_s=first_ns // 10**9,
            to_s=last_ns // 10**9,
            adapter=topics[0].partition("_")[0].lower(),
            ticks=count,
            gaps=sorted(largest, key=lambda gap: gap.since_ns),
            gaps_total=len(gaps),
            damaged=damaged + candles.undecodable,
        ),
    )


def _overlaps(segment: Segment, question: Question) -> bool:
    index = segment.index
    return (
        index.ticks > 0 and index.last_ns >= question.from_ns and index.first_ns <= question.to_ns
    )


def _topics(segments: Iterable[Segment], question: Question) -> list[str]:
    """The instrument's topics of one adapter, in all modes: of the one that has most ticks."""
    found: dict[str, dict[str, int]] = {}
    for segment in segments:
        for text, span in segment.index.topics.items():
            if question.symbol not in text:  # most are others: spare them the grammar
                continue
            try:
                topic = Topic.parse(text)
            except TopicError:
                continue
            is_it = (topic.exchange, topic.symbol) == (question.exchange, question.symbol)
            if is_it and (question.adapters is None or topic.broker in question.adapters):
                ticks = found.setdefault(topic.broker, {})
                ticks[text] = ticks.get(text, 0) + span.ticks
    if not found:
        return []
    most = max(found.values(), key=lambda ticks: sum(ticks.values()))
    return list(most)


def _frames(
    segments: Iterable[Segment], topics: list[str], question: Question, on_damage: OnDamage
) -> Iterator[Frame]:
    for segment in segments:
        yield from segment.frames(question.from_ns, question.to_ns, topics, on_damage)


def _in_time(frames: Iterable[Frame], limit_s: float) -> Iterator[Frame]:
    """Raises TooLongError."""
    deadline = time.monotonic() + limit_s
    for number, frame in enumerate(frames):
        if number % _LOOK_EVERY == 0 and time.monotonic() > deadline:
            raise TooLongError(f"more than can be read within {limit_s:g} s")
        yield frame


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICE)
    question = msgspec.json.decode(sys.stdin.buffer.readline(), type=Question)
    sys.stdout.buffer.write(msgspec.json.encode(answer(question)) + b"\n")


if __name__ == "__main__":
    main()
