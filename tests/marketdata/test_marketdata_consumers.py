"""Who is told of ticks when, and who may be told less."""

from hypothesis import given
from hypothesis import strategies as st

from bus.frames import Frame, Kind
from bus.topics import Mode
from marketdata.cache import Entry, Tick
from marketdata.consumers import Board, Priority
from marketdata.seen import Seen

ENTRIES = {symbol: Entry("A", "NSE", symbol) for symbol in "ABC"}


def tick(symbol, number, mode=Mode.LTP):
    frame = Frame(b"", Kind.TICK, 0, 1, number, number, b"")
    return Tick(ENTRIES[symbol], mode, frame, Seen())


def numbers(ticks):
    return [(one.entry.symbol, one.frame.sequence) for one in ticks]


def test_critical_first_then_high_and_the_others_only_on_their_turn():
    board, told = Board(), []
    for priority in (Priority.LOW, Priority.HIGH, Priority.NORMAL, Priority.CRITICAL):
        board.add(lambda ticks, p=priority: told.append((p.name, numbers(ticks))), priority)
    board.publish([tick("A", 1), tick("A", 2), tick("B", 3)])
    every = [("A", 1), ("A", 2), ("B", 3)]
    assert told == [("CRITICAL", every), ("HIGH", every)]
    assert not board.take_turn(100)
    newest = [("A", 2), ("B", 3)]
    assert told[2:] == [("NORMAL", newest), ("LOW", newest)]
    assert board.conflated_total == 2


def test_a_budget_lets_the_longest_waiting_go_first_and_low_ones_last():
    board, told = Board(), []
    board.add(lambda ticks: told.append(("LOW", numbers(ticks))), Priority.LOW)
    board.add(lambda ticks: told.append(("NORMAL", numbers(ticks))), Priority.NORMAL)
    board.publish([tick("A", 1), tick("B", 2), tick("C", 3)])
    assert board.take_turn(2)
    assert board.take_turn(2)
    assert not board.take_turn(2)
    assert told == [
        ("NORMAL", [("A", 1), ("B", 2)]),
        ("NORMAL", [("C", 3)]),
        ("LOW", [("A", 1)]),
        ("LOW", [("B", 2), ("C", 3)]),
    ]


def test_a_consumer_that_fails_stops_nobody(caplog):
    board, told = Board(), []

    def broken(_):
        raise RuntimeError("its own affair")

    first = board.add(broken, Priority.CRITICAL)
    board.add(lambda ticks: told.extend(numbers(ticks)), Priority.CRITICAL)
    board.publish([tick("A", 1)])
    board.publish([tick("A", 2)])
    assert told == [("A", 1), ("A", 2)]
    assert first.failures_total == 2
    assert caplog.text.count("a consumer of ticks failed") == 1


def test_filters_by_mode_and_instrument_and_removal():
    board, told = Board(), []
    only = {("NSE", "A")}
    one = board.add(told.extend, Priority.HIGH, modes=[Mode.QUOTE], instruments=only)
    board.publish([tick("A", 1), tick("A", 2, Mode.QUOTE), tick("B", 3, Mode.QUOTE)])
    only.add(("NSE", "B"))
    board.publish([tick("B", 4, Mode.QUOTE)])
    board.remove(one)
    board.publish([tick("A", 5, Mode.QUOTE)])
    assert numbers(told) == [("A", 2), ("B", 4)]


@given(
    st.lists(
        st.one_of(
            st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(list(Mode))), max_size=5),
            st.integers(1, 4),
        ),
        max_size=30,
    )
)
def test_whoever_waits_ends_up_with_the_newest_and_never_steps_back(steps):
    board, critical, low = Board(), [], []
    board.add(critical.extend, Priority.CRITICAL)
    slow = board.add(low.extend, Priority.LOW)
    sent, number = [], 0
    for step in steps:
        if isinstance(step, int):
            board.take_turn(step)
            continue
        batch = []
        for symbol, mode in step:
            number += 1
            batch.append(tick(symbol, number, mode))
        board.publish(batch)
        sent += batch
    while board.take_turn(100):
        pass
    assert critical == sent

    def last(ticks):
        return {(one.entry.symbol, one.mode): one.frame.sequence for one in ticks}

    assert last(low) == last(sent)
    assert len(low) + slow.conflated_total == len(sent)
    for key in last(low):
        mine = [t.frame.sequence for t in low if (t.entry.symbol, t.mode) == key]
        assert mine == sorted(mine)
