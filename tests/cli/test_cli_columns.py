"""The columns of `status` and `top`, and what fits into which terminal."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bus.control.messages import ProcessStatus, StatusReply, SupervisorStatus
from console.figures import Point
from supervisor.cli.board import board, glances, headline
from supervisor.cli.columns import COLUMNS, Glance, fitting, ordered, sparkline
from supervisor.cli.doing import doing
from supervisor.cli.live import HELP, View

ROOT = Path(__file__).resolve().parents[2]


def process(name="zerodha", state="running", **fields):
    told = {
        "role": "adapter",
        "pid": 4242,
        "generation": 3,
        "restarts": 2,
        "uptime_s": 75.0,
        "endpoint": "tcp://127.0.0.1:40001",
        "cpu_percent": 12.5,
        "rss_bytes": 52_000_000,
        "heartbeat_age_s": 0.4,
        "stats": {"ticks_per_s": 1234.5, "last_tick_age_s": 0.25, "lost_total": 0},
    }
    return ProcessStatus(name=name, state=state, **{**told, **fields})


def reply(*processes):
    return StatusReply(SupervisorStatus(pid=1, uptime_s=60.0, version="0.1.0"), list(processes))


def texts(lines):
    return [line.plain for line in lines]


def test_the_columns_are_the_consoles_in_its_order():
    page = (ROOT / "console" / "web" / "src" / "pages" / "Processes.tsx").read_text()
    titles = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page)
    assert [column.title for column in COLUMNS] == [t for t in titles if t != "Restart"]


def test_a_wide_terminal_shows_every_figure():
    point = Point(1234.5, 180.0, 2500.0, 12.5)
    shown = reply(process())
    head, row = texts(board(glances(shown, {"zerodha": [point]}), 200, notes=lambda _: ""))
    assert re.split(r"\s{2,}", head) == [column.title for column in COLUMNS]
    assert re.split(r"\s{2,}", row) == [
        "zerodha", "running", "3", "2", "4242", "1 m 15 s", "12 %", "52 MB", "1,234", "0.2 s", "0",
        "p50 180 µs · p99 2.50 ms",
    ]  # fmt: skip


@given(st.integers(10, 300), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_terminal_above_its_smallest_form(width, trends, plain):
    points = [Point(float(n), 100.0 * n, 300.0 * n, 1.0) for n in range(40)]
    shown = reply(process(), process("a-quite-long-adapter-name-indeed", "needs_token"))
    smallest = len("a-quite-long-adapter-name-indeed  needs_token")
    for line in board(
        glances(shown, {"zerodha": points}), width, notes=doing, trends=trends, plain=plain
    ):
        assert len(line.plain) <= max(width, smallest)
        assert not plain or line.plain.isascii()


@given(st.integers(0, 400))
def test_columns_go_by_rank_and_name_and_state_never(room):
    widths = {column.title: len(column.title) + 3 for column in COLUMNS}
    titles, drawn = fitting(widths, {"Ticks/s": 17}, room)
    gone = [c.rank for c in COLUMNS if c.title not in titles]
    kept = [c.rank for c in COLUMNS if c.title in titles]
    assert titles[:2] == ["Process", "State"]
    assert not drawn or not gone
    assert not gone or min(gone) >= max(kept)


def test_what_is_wrong_is_told_below_where_there_is_no_room():
    broken = process(state="crash_loop", detail="exit 70\nthe last line that it wrote")
    told = texts(board(glances(reply(broken)), 60, notes=doing))
    assert told[2:] == ["    exit 70", "    the last line that it wrote"]


def test_a_standby_stands_below_its_process_however_it_is_sorted():
    shown = reply(
        process("b", cpu_percent=1.0, standby=process("b", cpu_percent=99.0)),
        process("a", cpu_percent=50.0),
        process("c", cpu_percent=None),
    )
    rows = glances(shown)

    def names(key, backwards):
        return [row.name.strip() for row in ordered(rows, key, backwards=backwards)]

    assert names("c", False) == ["a", "b", "standby", "c"]
    assert names("c", True) == ["b", "standby", "a", "c"]
    assert names("n", False) == ["a", "b", "standby", "c"]
    assert names("n", True) == ["c", "b", "standby", "a"]
    assert names("", False) == ["b", "standby", "a", "c"]


def test_keys_of_top_sort_turn_round_and_leave():
    view = View(keys=True)
    view.take(reply(process("b", cpu_percent=1.0), process("a", cpu_percent=50.0)))

    def first():
        return view.lines(200)[3].plain.split()[0]

    assert first() == "b"
    assert view.pressed("c")
    assert first() == "a"
    assert view.pressed("c")
    assert first() == "b"
    assert view.pressed("n")
    assert first() == "a"
    assert view.pressed("o")
    assert first() == "b"
    assert HELP in view.lines(200)[-1].plain
    assert not any(view.pressed(key) for key in "qQ\x1b\x03")
    assert View(keys=False).pressed("q")


def test_trouble_is_shown_with_the_last_status():
    view = View(keys=False)
    view.take(reply(process()))
    view.trouble = "no supervisor is running"
    told = texts(view.lines(100))
    assert told[-1] == "no supervisor is running"
    assert any(line.startswith("zerodha") for line in told)
    view.take(reply(process()))
    assert "no supervisor is running" not in texts(view.lines(100))


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=40))
def test_a_sparkline_has_its_size_and_its_highest_bar_at_the_largest(values):
    line = sparkline(values, 16)
    assert len(line) == 16
    recent = [value for value in values[-16:] if value is not None]
    if recent and max(recent) > 0:
        assert "█" in line
    assert line.count(" ") == 16 - len(recent)


def test_the_headline_sums_over_all_processes_of_a_kind():
    proxy = {"role": "proxy", "stats": {"delivered_per_s": 40.0, "clients": 2, "lost_total": 3}}
    shown = reply(process("a"), process("b"), process("proxy", "ready", **proxy))
    assert headline(shown) == (
        "2,469 ticks/s from brokers · 40.0 messages/s to 2 clients · 3 lost · 2 of 3 running"
    )


def test_a_truth_value_is_no_figure():
    assert Glance(process(stats={"lost_total": True})).stat("lost_total") is None
