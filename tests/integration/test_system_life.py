"""The system as its user meets it: up, status, restart, kill, down."""

import json
import os
import signal
import time

import psutil
import pytest

pytestmark = pytest.mark.process

ADAPTER_STATS = {
    "broker_state",
    "connections",
    "symbols",
    "ticks_total",
    "ticks_per_s",
    "last_tick_age_s",
}
PROXY_STATS = {"clients", "subscriptions", "delivered_total", "lost_total"}


def is_alive(pid):
    """Adopted processes may stay zombies where nobody reaps them; those are no more alive."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def subscribe(client, symbol, exchange="NSE", mode=1):
    client.send(
        json.dumps({"action": "subscribe", "symbol": symbol, "exchange": exchange, "mode": mode})
    )
    while True:
        reply = json.loads(client.recv(timeout=5))
        if reply.get("type") != "market_data":
            assert reply["status"] == "success", reply
            return reply


def next_tick(client, timeout=10):
    while True:
        message = json.loads(client.recv(timeout=timeout))
        if message.get("type") == "market_data":
            return message


def test_demo_from_up_to_down_leaves_nothing(system):
    demo = system("").up("--demo")
    status = demo.status()
    assert set(status) == {"supervisor", "processes"}
    assert status["supervisor"].keys() >= {"pid", "uptime_s", "version"}
    roles = {p["name"]: p["role"] for p in status["processes"]}
    assert roles == {
        "demo-market": "simulator",
        "zerodha": "adapter",
        "marketdata": "marketdata",
        "proxy": "proxy",
    }
    assert {p["state"] for p in status["processes"]} == {"running"}
    assert demo.process("zerodha")["stats"].keys() >= ADAPTER_STATS
    assert demo.process("proxy")["stats"].keys() >= PROXY_STATS

    with demo.connect() as client:
        for exchange, symbol in (("NSE", "RELIANCE"), ("NSE_INDEX", "NIFTY")):
            subscribe(client, symbol, exchange)
        seen = {next_tick(client)["symbol"] for _ in range(200)}
        assert seen == {"RELIANCE", "NIFTY"}
        demo.wait_for(lambda: demo.process("marketdata")["stats"]["ticks_total"] > 0)
        assert demo.process("zerodha")["stats"]["symbols"] == 2
        assert demo.process("proxy")["stats"]["clients"] == 1

    pids = demo.pids()
    endpoints = [p["endpoint"] for p in demo.status()["processes"] if p["endpoint"]]
    demo.run("down")
    assert not any(is_alive(pid) for pid in pids)
    assert demo.run("status", check=False).returncode == 3
    listening = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == "LISTEN"}
    assert not listening & {int(e.rpartition(":")[2]) for e in endpoints}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_in_order(system, number):
    demo = system("").up_in_foreground("--demo")
    pids = demo.pids()
    demo.foreground.send_signal(number)
    output, _ = demo.foreground.communicate(timeout=30)
    assert demo.foreground.returncode == 0, output
    assert "API key: " in output
    assert not any(is_alive(pid) for pid in pids)


def test_a_killed_adapter_comes_back_and_the_client_stays(system):
    demo = system("").up("--demo")
    with demo.connect() as client:
        subscribe(client, "SBIN")
        next_tick(client)
        before = demo.process("zerodha")
        os.kill(before["pid"], signal.SIGKILL)
        killed = time.monotonic()
        demo.wait_for(lambda: demo.process("zerodha")["pid"] not in {None, before["pid"]})
        # Whatever was on its way is read; then ticks of the new generation must come.
        demo.wait_for(lambda: demo.process("zerodha")["stats"].get("ticks_total", 0) > 0)
        assert next_tick(client)["symbol"] == "SBIN"
        print(f"ticks again {time.monotonic() - killed:.2f} s after the kill")
        after = demo.process("zerodha")
        assert (after["generation"], after["restarts"]) == (2, 1)
        assert demo.process("proxy")["restarts"] == 0


@pytest.mark.parametrize("name", ["zerodha", "marketdata", "proxy", "demo-market"])
def test_every_process_can_be_restarted_by_name(system, name):
    demo = system("").up("--demo")
    before = {p["name"]: p for p in demo.status()["processes"]}
    assert "generation 2" in demo.run("restart", name).stdout
    demo.wait_for(demo.settled)
    after = {p["name"]: p for p in demo.status()["processes"]}
    assert after[name]["pid"] != before[name]["pid"]
    others = set(before) - {name}
    assert {n: after[n]["pid"] for n in others} == {n: before[n]["pid"] for n in others}
    with demo.connect() as client:
        subscribe(client, "TCS")
        next_tick(client)


def test_a_hung_process_is_found_and_replaced(system):
    demo = system("").up("--demo")
    before = demo.process("marketdata")
    os.kill(before["pid"], signal.SIGSTOP)
    demo.wait_for(lambda: demo.process("marketdata")["generation"] == 2, timeout_s=10)
    assert "no heartbeat" in demo.logs()


def test_a_supervisor_that_was_stopped_for_longer_than_heartbeats_may_take_blames_nobody(system):
    """As after a suspend of the machine, or a clock that jumped: all were late, nobody hung."""
    demo = system("").up("--demo")
    supervisor = psutil.Process(demo.status()["supervisor"]["pid"])
    before = demo.pids()
    supervisor.suspend()
    time.sleep(6.0)
    supervisor.resume()
    demo.wait_for(lambda: "did not run for" in demo.logs())
    demo.wait_for(demo.settled)
    time.sleep(1.0)
    assert demo.pids() == before
    assert all(process["restarts"] == 0 for process in demo.status()["processes"])


def test_a_dead_supervisor_stops_nothing_and_the_next_one_adopts(system):
    demo = system("").up("--demo")
    with demo.connect() as client:
        subscribe(client, "INFY")
        before = demo.status()
        os.kill(before["supervisor"]["pid"], signal.SIGKILL)
        demo.wait_for(lambda: demo.run("status", check=False).returncode == 3)
        for _ in range(20):
            next_tick(client)
        demo.up("--demo")
        after = demo.status()
        assert after["supervisor"]["pid"] != before["supervisor"]["pid"]
        key = ("name", "pid", "generation", "restarts", "endpoint")
        assert [[p[k] for k in key] for p in after["processes"]] == [
            [p[k] for k in key] for p in before["processes"]
        ]
        next_tick(client)
        demo.run("restart", "zerodha")
        for _ in range(20):
            next_tick(client)
    pids = demo.pids()
    demo.run("down")
    assert not any(is_alive(pid) for pid in pids)


def test_orphans_that_nobody_adopts_end_themselves(system):
    demo = system("[supervisor]\norphan_grace_s = 2.0\n").up("--demo")
    pids = demo.pids()
    os.kill(pids[0], signal.SIGKILL)
    demo.wait_for(lambda: not any(is_alive(pid) for pid in pids[1:]), timeout_s=15)


def test_a_second_supervisor_is_refused_naming_the_first(system):
    demo = system("").up("--demo")
    refused = demo.run("up", "--demo", check=False)
    assert refused.returncode == 1
    assert f"pid {demo.status()['supervisor']['pid']}" in refused.stderr


def test_two_instances_run_side_by_side(system):
    one, two = system("").up("--demo"), system("").up("--demo")
    assert one.url() != two.url()
    one.run("down")
    assert two.status()["processes"]
