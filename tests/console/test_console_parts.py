"""The console's pure parts: sessions, figures, what waits for a browser, logs, policies, search."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.instruments.book import InstrumentBook
from adapters.instruments.file import VERSION
from adapters.symbols import Instrument
from bus.access import RoleSettings
from bus.control.messages import ProcessStatus, StatusReply, SupervisorStatus
from bus.measuring.latency import LatencyMeter
from bus.secret import Secret
from console import feed as feeding
from console import sessions as sitting
from console.books import Books
from console.feed import Feed
from console.figures import KEPT, Figures
from console.logtail import Line, LogTail
from console.protection import policy
from console.sessions import Sessions
from identity.authority import Identity
from identity.scopes import Roles
from identity.tickets import TICKET_S, Tickets

SCOPES = Roles({"r": RoleSettings()}).get("r")


class Clock:
    def __init__(self):
        self.now_s = 1_000_000.0

    def monotonic(self):
        return self.now_s

    def unix_ns(self):
        return int(self.now_s * 1e9)


def somebody(credential="key:1", scopes=SCOPES):
    return Identity(user="alice", credential=credential, name="laptop", scopes=scopes)


# --- sessions -----------------------------------------------------------------------------


class SessionLives(RuleBasedStateMachine):
    """Against the obvious model: tokens and when they were last used."""

    IDLE_S = 100.0

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.sessions = Sessions(self.IDLE_S)
        self.model = {}

    def good(self):
        return [t for t, seen in self.model.items() if self.now - seen < self.IDLE_S]

    @rule(who=st.integers(1, 3))
    def begin(self, who):
        token = self.sessions.begin(somebody(f"key:{who}"), self.now)
        assert token not in self.model
        self.model[token] = self.now

    @rule(seconds=st.sampled_from([1.0, 40.0, 99.9, 100.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule(data=st.data())
    def use(self, data):
        if self.model:
            token = data.draw(st.sampled_from(sorted(self.model)))
            found = self.sessions.find(token, self.now)
            assert (found is not None) == (token in self.good())
            if found is None:
                del self.model[token]
            else:
                self.model[token] = self.now

    @rule(data=st.data())
    def end(self, data):
        if self.model:
            token = data.draw(st.sampled_from(sorted(self.model)))
            self.sessions.end(token)
            del self.model[token]
            assert self.sessions.find(token, self.now) is None

    @invariant()
    def tidying_leaves_what_is_good(self):
        self.sessions.tidy(self.now)
        self.model = {t: self.model[t] for t in self.good()}
        assert len(self.sessions) == len(self.model)


TestSessionLives = SessionLives.TestCase
TestSessionLives.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_a_token_that_was_never_given_out_is_nobodys():
    sessions = Sessions(100.0)
    sessions.begin(somebody(), 0.0)
    for token in ("", "x" * 43, "\udcff"):
        assert sessions.find(token, 1.0) is None


def test_a_revoked_key_ends_its_session():
    sessions = Sessions(100.0)
    token = sessions.begin(somebody(), 0.0)
    for session in sessions:
        session.revoke("key revoked")
    assert sessions.find(token, 1.0) is None
    assert len(sessions) == 0


def test_one_key_cannot_push_out_the_others_sessions(monkeypatch):
    monkeypatch.setattr(sitting, "MAX_OF_ONE", 3)
    sessions = Sessions(100.0)
    bob = sessions.begin(somebody("key:2"), 0.0)
    tokens = [sessions.begin(somebody(), float(n)) for n in range(5)]
    alive = [sessions.find(token, 5.0) is not None for token in tokens]
    assert alive == [False, False, True, True, True]
    assert sessions.find(bob, 5.0) is not None


def test_the_longest_idle_session_makes_room(monkeypatch):
    monkeypatch.setattr(sitting, "MAX_SESSIONS", 2)
    sessions = Sessions(100.0)
    first, second = (sessions.begin(somebody(f"key:{n}"), 0.0) for n in (1, 2))
    assert sessions.find(first, 1.0) is not None
    sessions.begin(somebody("key:3"), 2.0)
    assert sessions.find(second, 3.0) is None
    assert sessions.find(first, 3.0) is not None


# --- tickets ------------------------------------------------------------------------------


def test_a_ticket_is_worth_what_is_behind_it_now():
    clock, known = Clock(), {"key:1": somebody()}
    tickets = Tickets(Secret("run"), clock, lambda one: known.get(one.credential))
    ticket = tickets.make(somebody())
    assert tickets.verify(ticket) == somebody()
    known["key:1"] = somebody(scopes=Roles().get("admin"))
    assert tickets.verify(ticket).scopes.admin
    known.clear()
    assert tickets.verify(ticket) is None


def test_a_ticket_ends_after_a_minute_and_is_of_one_run_only():
    clock = Clock()
    tickets = Tickets(Secret("run"), clock, lambda one: one)
    ticket = tickets.make(somebody())
    assert Tickets(Secret("another"), clock, lambda one: one).verify(ticket) is None
    clock.now_s += TICKET_S - 1
    assert tickets.verify(ticket) is not None
    clock.now_s += 1
    assert tickets.verify(ticket) is None


@given(st.data())
def test_no_changed_ticket_is_taken(data):
    tickets = Tickets(Secret("run"), Clock(), lambda one: one)
    ticket = tickets.make(somebody())
    at = data.draw(st.integers(0, len(ticket) - 1))
    letter = data.draw(st.sampled_from("AbZ09-_.é\x00"))
    changed = ticket[:at] + letter + ticket[at + 1 :]
    if changed != ticket:
        assert tickets.verify(changed) is None


@given(st.text(max_size=200))
def test_anything_else_is_no_ticket(text):
    tickets = Tickets(Secret("run"), Clock(), lambda one: one)
    assert tickets.verify(text) is None
    assert tickets.verify(f"ticket.{text}") is None


# --- figures ------------------------------------------------------------------------------


def status(name="proxy", generation=1, latency=None, **stats):
    process = ProcessStatus(
        name=name,
        role="proxy",
        state="running",
        pid=1,
        generation=generation,
        restarts=0,
        uptime_s=1.0,
        endpoint="",
        cpu_percent=2.5,
        rss_bytes=1,
        heartbeat_age_s=0.1,
        stats=stats,
        latency=latency,
    )
    return StatusReply(SupervisorStatus(1, 1.0, "0"), [process])


def test_latencies_are_those_since_the_last_status():
    figures, meter = Figures(), LatencyMeter()
    meter.note(1_000_000)
    figures.take(status(latency=meter.counted(), ticks_per_s=5.0), 1)
    meter.note(50_000)
    figures.take(status(latency=meter.counted(), ticks_per_s=6.0), 2)
    figures.take(status(latency=meter.counted(), ticks_per_s=0.0), 3)
    first, second, third = figures.history()["proxy"]
    assert 700 < first.p99_us <= 1000
    assert 30 < second.p99_us <= 50
    assert (third.ticks_per_s, third.p50_us, third.p99_us) == (0, None, None)
    assert third.cpu_percent == 2.5


def test_a_new_generation_counts_from_nothing():
    figures, old, new = Figures(), LatencyMeter(), LatencyMeter()
    for _ in range(10):
        old.note(50_000)
    figures.take(status(latency=old.counted()), 1)
    for _ in range(20):
        new.note(1_000_000)
    figures.take(status(generation=2, latency=new.counted()), 2)
    assert figures.history()["proxy"][-1].p50_us > 500


def test_history_is_bounded_and_forgets_who_is_gone():
    figures = Figures()
    for at in range(KEPT + 5):
        figures.take(status(), at)
    assert len(figures.history()["proxy"]) == KEPT
    figures.take(status(name="other"), 9)
    assert list(figures.history()) == ["other"]


def test_a_silent_supervisor_is_marked_and_the_last_word_stands():
    figures = Figures()
    figures.take(status(), 1)
    figures.unanswered(2)
    assert figures.now["supervisor"] is None
    assert figures.now["at"] == 2
    assert [p["name"] for p in figures.now["processes"]] == ["proxy"]
    assert "latency" not in figures.now["processes"][0]


# --- what waits for a browser -------------------------------------------------------------


def events(data):
    blocks = [block for block in data.decode().split("\n\n") if block]
    pairs = [block.split("\n") for block in blocks]
    return [(e.removeprefix("event: "), json.loads(d.removeprefix("data: "))) for e, d in pairs]


def lines(*texts):
    return [Line("proxy", text) for text in texts]


def test_statuses_replace_each_other_and_lines_keep_their_order():
    feed = Feed(admin=True)
    feed.put_status({"at": 1})
    feed.put_lines(lines("a\nb", "c"))
    feed.put_status({"at": 2})
    feed.put_restart("proxy", {"lines": ["1"], "over": False, "failed": False})
    feed.put_restart("proxy", {"lines": ["1", "2"], "over": True, "failed": False})
    told = events(feed.take())
    assert [kind for kind, _ in told] == ["logs", "restart", "status"]
    assert [line["text"] for line in told[0][1]["lines"]] == ["a\nb", "c"]
    assert told[1][1] == {"name": "proxy", "lines": ["1", "2"], "over": True, "failed": False}
    assert told[2][1] == {"at": 2}
    assert not feed.is_waiting


def test_lines_that_do_not_fit_are_counted_and_told():
    feed = Feed(admin=True)
    feed.put_lines(lines(*(str(n) for n in range(feeding.LINES_KEPT + 7))))
    ((_, told),) = events(feed.take())
    assert told["missed"] == 7
    assert told["lines"][0]["text"] == "7"


def test_who_is_no_administrator_gets_neither_logs_nor_restarts():
    feed = Feed(admin=False)
    feed.put_lines(lines("secret"))
    feed.put_restart("proxy", {"lines": ["x"]})
    assert not feed.is_waiting
    feed.put_status({})
    assert b"secret" not in feed.take()


def test_the_end_is_told():
    feed = Feed(admin=False)
    feed.end("session")
    assert feed.is_over
    assert events(feed.take()) == [("end", {"reason": "session"})]


# --- logs -----------------------------------------------------------------------------------


def stamp(second):
    return f"2026-11-21T12:00:{second:02d}.000Z INFO    x"


def test_lines_of_several_logs_come_in_order_of_time(tmp_path):
    (tmp_path / "a.log").write_text(f"{stamp(1)} one\n{stamp(4)} four\nTraceback\n")
    (tmp_path / "b.log").write_text(f"{stamp(2)} two\n{stamp(5)} five\n")
    told = [line.text.rsplit(" ", 1)[-1] for line in LogTail(tmp_path).recent(10)]
    assert told == ["one", "two", "four", "Traceback", "five"]
    assert len(LogTail(tmp_path).recent(2)) == 2


def test_only_what_is_appended_is_fresh_and_only_whole_lines(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("old\n")
    tail = LogTail(tmp_path)
    assert tail.fresh() == []
    with log.open("a") as file:
        file.write("new\nhal")
    assert [line.text for line in tail.fresh()] == ["new"]
    with log.open("a") as file:
        file.write("f\n")
    (tmp_path / "b.log").write_text("begun\n")
    assert {line.text for line in tail.fresh()} == {"half", "begun"}


def test_who_joins_gets_each_line_once(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\nthr")
    tail = LogTail(tmp_path)
    tail.fresh()
    assert [line.text for line in tail.recent(10)] == ["one", "two"]
    with log.open("a") as file:
        file.write("ee\nfour\n")
    assert [line.text for line in tail.recent(10)] == ["one", "two"]
    assert [line.text for line in tail.fresh()] == ["three", "four"]
    assert [line.text for line in tail.recent(2)] == ["three", "four"]
    tail.forget()
    assert tail.fresh() == []


def test_a_log_that_was_cut_off_is_read_from_its_start(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("x" * 100 + "\n")
    tail = LogTail(tmp_path)
    tail.fresh()
    log.write_text("after\n")
    assert [line.text for line in tail.fresh()] == ["after"]


def test_a_flood_is_skipped_over_and_counted(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("")
    tail = LogTail(tmp_path)
    tail.fresh()
    with log.open("a") as file:
        file.writelines(f"line {n}\n" for n in range(60_000))
    told = tail.fresh()
    assert told[-1].text == "line 59999"
    assert tail.skipped_bytes_total > 0


# --- policy, search -------------------------------------------------------------------------


def test_the_policy_allows_nothing_inline_and_one_foreign_connection():
    told = policy("wss://trade.example.com")
    assert "unsafe" not in told
    assert "*" not in told
    assert "connect-src 'self' wss://trade.example.com;" in told
    assert "connect-src 'self';" in policy("")
    assert "default-src 'none'" in told


@pytest.fixture
def books(tmp_path):
    rows = {
        "zerodha": [("NSE", "RELIANCE"), ("NFO", "RELIANCE25NOVFUT"), ("NSE", "PRELIANCE")],
        "dhan": [("NSE", "RELIANCE"), ("BSE", "RELIANCE")],
    }
    for name, names in rows.items():
        book = InstrumentBook(
            (Instrument(exchange, symbol, f"{n}") for n, (exchange, symbol) in enumerate(names)),
            path=tmp_path / f"{name}.db",
        )
        book.note(version=VERSION, origin="test")
        book.close()
    books = Books(tmp_path)
    yield books
    books.close()


def test_search_joins_the_adapters_and_puts_the_nearest_first(books):
    found = books.search("relian", "", 10, SCOPES)
    assert [(one.exchange, one.symbol) for one in found] == [
        ("BSE", "RELIANCE"),
        ("NSE", "RELIANCE"),
        ("NFO", "RELIANCE25NOVFUT"),
        ("NSE", "PRELIANCE"),
    ]
    assert found[1].adapters == ("dhan", "zerodha")
    assert len(books.search("relian", "NSE", 1, SCOPES)) == 1


def test_search_shows_what_the_role_may_see(books):
    scopes = Roles({"r": RoleSettings(exchanges=["NFO"], adapters=["zerodha"])}).get("r")
    assert [one.exchange for one in books.search("relian", "", 10, scopes)] == ["NFO"]


def test_a_master_that_is_replaced_is_opened_anew(books, tmp_path):
    assert len(books.search("tcs", "", 10, SCOPES)) == 0
    new = InstrumentBook([Instrument("NSE", "TCS", "1")], path=tmp_path / "new")
    new.note(version=VERSION, origin="test")
    new.close()
    (tmp_path / "new").replace(tmp_path / "dhan.db")
    assert [one.symbol for one in books.search("tcs", "", 10, SCOPES)] == ["TCS"]
    (tmp_path / "dhan.db").unlink()
    assert books.search("tcs", "", 10, SCOPES) == []
