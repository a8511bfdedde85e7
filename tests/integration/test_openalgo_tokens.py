"""Beside an OpenAlgo install: its broker logins reach the adapters, its orders the clients."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time

import pytest
import zmq
from cryptography.fernet import Fernet
from system import CLI
from tally import SYMBOLS, Counting

#: As the fixture's own notes say; nothing of it is a real credential.
PEPPER = "fixture-pepper-0123456789abcdef0123456789abcdef0123456789abcdef00"
ALICE = "aaaaaaaa1f2e3d4c5b6a7988071625344352617000000000000000000000alic"
SALT = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
FERNET = Fernet(b"xtKRaTB-SRipPQ-kdzPnXWap-t1n8F957V7L9ArQaKE=")

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

CONFIG = """
[openalgo]
env_file = "install/.env"
bus = "{bus}"

[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = 500
{simulator}
[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "openalgo:alice", access_token = "openalgo:alice" }}
"""


@pytest.fixture
def beside_openalgo(system, openalgo_database):
    def make(simulator="", bus="off", proxy=""):
        one = system(CONFIG.format(simulator=simulator, bus=bus), proxy)
        install = one.folder / "install"
        install.mkdir()
        shutil.copy(openalgo_database, install / "openalgo.db")
        (install / "openalgo.db").chmod(0o600)
        (install / ".env").write_text(
            "DATABASE_URL = 'sqlite:///openalgo.db'\n"
            f"API_KEY_PEPPER='{PEPPER}'\nFERNET_SALT='{SALT}'\n"
        )
        return one

    return make


def log_in(one, text):
    """What OpenAlgo writes when its user logs in to the broker; empty: logs out."""
    values = (FERNET.encrypt(text.encode()).decode(), "zerodha", 0) if text else ("", "", 1)
    with sqlite3.connect(one.folder / "install" / "openalgo.db") as db:
        db.execute(
            "UPDATE auth SET auth = ?, broker = ?, is_revoked = ? WHERE name = 'alice'", values
        )
    db.close()


def zerodha(one, generation):
    found = one.process("zerodha")
    return found["generation"] == generation and found["state"] == "running"


def test_the_next_days_login_is_handed_over_and_nothing_is_missed(beside_openalgo):
    one = beside_openalgo().up()
    assert zerodha(one, 1)
    client = Counting(one, one.key(), SYMBOLS[:10])
    one.wait_for(lambda: client.tally.received > 200)
    client.forget()
    log_in(one, "fixtureapikey:planted-token-of-the-next-day")
    one.wait_for(lambda: zerodha(one, 2))
    log_in(one, "")  # who logs out is fed no more, but the adapter stays
    before = client.tally.received
    one.wait_for(lambda: client.tally.received > before + 200)
    client.stop()
    assert not client.closed
    client.tally.assert_exactly_once(SYMBOLS[:10])
    assert zerodha(one, 2)
    shown = one.logs() + one.run("status", "--json").stdout
    shown += (one.folder / "state" / "run.json").read_text()
    for secret in ("planted-token", "fixture-access-token", PEPPER, SALT):
        assert secret not in shown


def test_an_adapter_waits_until_its_user_is_logged_in(beside_openalgo):
    one = beside_openalgo('api_key = "appkey"\naccess_token = "planted-todays"\n')
    log_in(one, "")
    one.up()
    found = one.process("zerodha")
    assert (found["state"], found["pid"]) == ("needs_token", None)
    assert found["detail"] == "no api_key: alice is not logged in to the broker in OpenAlgo"
    log_in(one, "appkey:planted-todays")
    one.wait_for(one.settled)
    assert "planted-todays" not in one.logs()


def test_a_refused_login_leaves_the_adapter_as_it_is(beside_openalgo):
    one = beside_openalgo('access_token = "fixture-access-token-alice"\n').up()
    pid = one.process("zerodha")["pid"]
    log_in(one, "fixtureapikey:planted-wrong")
    one.wait_for(lambda: "was not restarted" in one.logs(), timeout_s=60)
    assert one.process("zerodha")["pid"] == pid
    assert zerodha(one, 1)


def test_a_supervisor_that_died_does_not_hand_over_what_is_in_use(beside_openalgo):
    one = beside_openalgo().up()
    stats = one.folder / "install" / "log" / "ws_proxy_stats.json"  # for its health page
    one.wait_for(stats.exists)
    assert json.loads(stats.read_text())["brokers"] == ["zerodha"]
    pid = one.process("zerodha")["pid"]
    os.kill(one.status()["supervisor"]["pid"], 9)
    one.wait_for(lambda: one.run("status", check=False).returncode == 3)
    one.up()
    one.wait_for(lambda: one.status()["supervisor"]["uptime_s"] > 2)
    assert one.process("zerodha")["pid"] == pid


def test_its_order_updates_reach_every_worker_and_are_not_missed_while_one_is_replaced(
    beside_openalgo,
):
    one = beside_openalgo(bus="tcp://127.0.0.1:*", proxy="workers = 2\n").up()
    address = one.process("openalgo-bus")["endpoint"]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(one.connect(ALICE)) for _ in range(8)]
        for client in clients:
            client.send('{"action":"subscribe_orders"}')
            assert json.loads(client.recv(timeout=10))["status"] == "success"
        context = stack.enter_context(zmq.Context())
        publisher = stack.enter_context(context.socket(zmq.XPUB))
        publisher.connect(address)
        assert publisher.poll(10_000)
        restart = stack.enter_context(
            subprocess.Popen([*CLI, "restart", "proxy", "--config", str(one.config)])
        )
        count = 0
        while restart.poll() is None:
            update = {"type": "order_update", "user_id": "alice", "orderid": str(count)}
            publisher.send_multipart([b"ZERODHA_alice_orders", json.dumps(update).encode()])
            count += 1
            time.sleep(0.002)
        assert restart.returncode == 0
        for client in clients:
            got = [json.loads(client.recv(timeout=10))["orderid"] for _ in range(count)]
            assert got == [str(number) for number in range(count)]
