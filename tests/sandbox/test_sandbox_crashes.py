"""kill -9 at any moment: what was told is true, nothing is lost, nothing happens twice.

`OPENALGO_STREAM_TEST_CRASH_ORDERS=10000` for the full form, `..._SEED` for another run.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import paper_client
import pytest
from paper import Bench, StillClock, assert_balanced

ORDERS = int(os.environ.get("OPENALGO_STREAM_TEST_CRASH_ORDERS", "600"))
SEED = int(os.environ.get("OPENALGO_STREAM_TEST_CRASH_SEED", "1"))
#: Orders that a life gets to place at most before it is killed, on average half of them.
LIFE = 150


class Story:
    """What a client knows of its orders: all that it was ever told."""

    def __init__(self, folder):
        self.folder = folder
        self.now_ns = StillClock().now_ns
        self.placed = {}
        self.answered = set()
        self.events = {}
        self.deaths = 0

    def live(self, chance, seed):
        """One life of the process, from the first order without an answer on, to its end."""
        first = next(n for n in range(1, ORDERS + 2) if n not in self.answered)
        lines_left = chance.randrange(1, 5 * LIFE)
        child = subprocess.Popen(
            [sys.executable, paper_client.__file__, str(self.folder), str(seed), str(first),
             str(ORDERS), str(self.now_ns)],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        with child:
            for line in child.stdout:
                lines_left -= 1
                self.hear(line.decode().split())
                if not lines_left:
                    child.kill()
                    self.deaths += 1
        assert child.returncode in {0, -9}

    def hear(self, words):
        match words:
            case ["told", order_id, *status, filled, event]:
                news = (order_id, " ".join(status), int(filled))
                self.events.setdefault(int(event), news)
                assert self.events[int(event)] == news
            case ["placed", number, order_id]:
                assert self.placed.setdefault(int(number), order_id) == order_id
                self.answered.add(int(number))
            case ["refused", number]:
                self.answered.add(int(number))
            case ["over", now_ns]:
                self.now_ns = int(now_ns)
            case _:
                raise AssertionError(words)

    def check(self):
        """Open what it left, and compare."""
        clock = StillClock()
        clock.now_ns = self.now_ns
        bench = Bench(self.folder, clock, starting_capital=2_000_000)
        store = bench.desk._durable.store
        # The process had come further in its day than its last words say.
        clock.now_ns = self.now_ns = store._database.execute(
            "SELECT max(?, ifnull((SELECT max(changed_ns) FROM orders), 0))", [self.now_ns]
        ).fetchone()[0]
        for order in bench.told:
            self.hear(
                ["told", order.id, order.status, str(order.filled_quantity), str(order.event)]
            )
        assert_balanced(bench.desk, store)
        self.check_orders(store)
        bench.desk.close()

    def check_orders(self, store):
        rows = list(
            store._database.execute("SELECT id, ref, status, filled_quantity, event FROM orders")
        )
        kept = {order_id: (status, filled, event) for order_id, _, status, filled, event in rows}
        marks = {ref: order_id for order_id, ref, *_ in rows if ref}
        # Every answer is in the store, and no order is there twice under one mark.
        assert all(marks[str(number)] == order_id for number, order_id in self.placed.items())
        fills = Counter()
        trades = store.trades_of("asha")
        assert len({trade.id for trade in trades}) == len(trades)
        for trade in trades:
            fills[trade.order_id] += trade.quantity
        for order_id, (status, filled, event) in kept.items():
            assert fills[order_id] == filled
            # Its last state was told, by the one that died or by the one that came after.
            assert self.events[event] == (order_id, status, filled)
        for event, (order_id, _, filled) in self.events.items():
            status, filled_now, last_event = kept[order_id]
            assert last_event >= event
            assert filled_now >= filled


@pytest.mark.timeout(900)
def test_whatever_was_told_is_true_after_any_death(tmp_path):
    print(f"OPENALGO_STREAM_TEST_CRASH_SEED={SEED}, {ORDERS} orders")
    chance, story = random.Random(SEED), Story(tmp_path)
    lives = 0
    while len(story.answered) < ORDERS:
        lives += 1
        story.live(chance, seed=SEED * 1000 + lives)
        story.check()
    assert story.answered == set(range(1, ORDERS + 1))
    assert story.deaths >= ORDERS // (5 * LIFE)
    trades = len({event for event, (_, _, filled) in story.events.items() if filled})
    print(f"{story.deaths} deaths, {len(story.placed)} orders placed, {trades} events of fills")
    assert Path(tmp_path / "sandbox.db").exists()
