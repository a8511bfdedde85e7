"""The command line in a real terminal (tmux): up, live tables, Tab, a restart, Ctrl-C."""

import pytest
import terminal
from system import MARKET
from terminal import Terminal

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture
def one(system):
    if reason := terminal.missing():
        pytest.skip(f"NOT RUN: {reason}")
    return system(MARKET)


def row(screen, name):
    return next((line for line in screen.splitlines() if line.startswith(name)), "")


def test_a_day_at_the_terminal(one):
    with Terminal(one.folder) as up, Terminal(one.folder / "..", columns=150) as work:
        up.run("openalgo-stream up")
        up.wait_for("Ctrl-C ends everything.")

        work.run("cd", str(one.folder))
        live_table(work)
        top(work)
        tab_and_restart(work)

        up.press("C-c")
        up.wait(lambda: up.lines()[-1].strip() == "ready$")
        assert up.exit_code() == 0
        work.clear()
        work.run("openalgo-stream status")
        work.wait_for("no supervisor is running")
        assert work.exit_code() == 3


def live_table(work):
    work.clear()
    work.run("openalgo-stream status --watch")
    work.wait(lambda: "running" in row(work.screen(), "zerodha"))
    assert "Latency" in row(work.screen(), "Process")
    assert "\x1b[32m" in work.screen(colours=True)  # what runs is green
    work.resize(56, 20)
    work.wait(lambda: row(work.screen(), "Process").split()[-1:] == ["Latency"])
    work.wait(lambda: "PID" not in work.screen() and "supervisor pid" in work.screen())
    assert row(work.screen(), "zerodha").split()[1] == "running"
    work.resize(150, 30)
    work.wait(lambda: "PID" in row(work.screen(), "Process"))
    work.press("C-c")
    work.wait(lambda: work.lines()[-1].strip() == "ready$")
    assert "running" in row(work.screen(), "zerodha")  # what was last seen stays
    assert work.exit_code() == 0


def top(work):
    work.clear()
    work.run("NO_COLOR=1 openalgo-stream top")
    work.wait_for("q quit")
    assert "\x1b[32m" not in work.screen(colours=True)
    work.press("n")
    work.wait_for("(now: Process)")
    names = [row.split()[0] for row in work.lines() if " running " in row and "·" not in row[:20]]
    names = [name for name in names if name in {"market", "marketdata", "proxy", "zerodha"}]
    assert names == sorted(names)
    assert len(names) == 4
    work.press("q")
    work.wait(lambda: work.lines()[-1].strip() == "ready$")
    assert "q quit" not in work.screen()  # the screen is as it was
    assert work.exit_code() == 0


def tab_and_restart(work):
    work.clear()
    work.run('eval "$(openalgo-stream completion bash)"')
    work.wait(lambda: work.lines()[-1].strip() == "ready$")
    work.type("openalgo-stream restart ze")
    work.press("Tab")
    work.wait_for("openalgo-stream restart zerodha")
    work.press("Enter")
    work.wait(lambda: work.lines()[-1].strip() == "ready$")
    assert "generation 2" in work.screen()
    assert work.exit_code() == 0
