"""What commands print for programs, on a system of real processes; in a pipe only text."""

import json

import pytest
from system import MARKET

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]


def test_a_day_of_a_program(system):
    one = system(MARKET)

    def told(*words):
        return json.loads(one.run(*words, "--json", timeout=120).stdout)

    up = told("up", "--detach")
    assert {p["name"]: p["state"] for p in up["processes"]}["zerodha"] == "running"
    assert up["pid"] == one.status()["supervisor"]["pid"]

    shown = told("top", "--count", "1")
    assert {p["name"] for p in shown["processes"]} == {p["name"] for p in up["processes"]}
    for words in (("status",), ("top", "--count", "2", "--interval", "0.1")):
        text = one.run(*words).stdout
        assert "\x1b" not in text
        assert text.count("zerodha") >= len(words) // 2
        assert "ticks/s" in text.lower()

    restarted = told("restart", "zerodha")
    assert (restarted["name"], restarted["ok"]) == ("zerodha", True)
    assert any("generation 2" in line for line in restarted["lines"])

    one.config.write_text(one.config.read_text() + "[market]\nholidays = [2026-01-26]\n")
    planned = told("reload", "--dry-run")
    assert planned["ok"]
    assert any("zerodha" in line for line in planned["lines"])
    assert told("reload", "--dry-run") == planned  # nothing was done

    told("keys", "create", "laptop")
    assert told("keys", "revoke", "laptop") == {"name": "laptop", "revoked": True}
    assert told("down") == {"pid": up["pid"], "down": True}
    assert one.run("status", check=False).returncode == 3


def test_json_of_up_needs_it_to_return(system):
    done = system(MARKET).run("up", "--json", check=False)
    assert done.returncode == 2
    assert "--json needs --detach" in done.stderr
