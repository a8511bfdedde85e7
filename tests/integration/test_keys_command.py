"""`keys` as a user types it, and what a running system does about it."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq
from websockets.exceptions import ConnectionClosed

from bus.classic import invalidated_user

pytestmark = pytest.mark.process

CLI = [sys.executable, "-P", "-m", "supervisor"]
PLANTED_PEPPER, PLANTED_JWT = "planted-pepper-" + "0815" * 8, "planted-jwt-secret-" + "4711" * 8


@pytest.fixture
def keys(tmp_path):
    """`keys ARGUMENTS` for an instance that does not run."""
    (tmp_path / "openalgo-stream.toml").write_text("[roles.scanner]\nexchanges = ['NSE']\n")

    def run(*arguments, code=0):
        done = subprocess.run(
            [*CLI, "keys", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=30,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TZ": "Asia/Kolkata"},
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


def listed(keys):
    return {key["name"]: key for key in json.loads(keys("list", "--json").stdout)}


def test_key_with_role_user_and_end_is_made_listed_and_rotated(keys):
    keys("create", "laptop", "--role", "scanner", "--user", "alice", "--expires", "30d")
    keys("create", "dated", "--expires", "2099-12-31")
    found = listed(keys)
    assert (found["laptop"]["role"], found["laptop"]["user"]) == ("scanner", "alice")
    assert abs(found["laptop"]["expires"] - time.time() - 30 * 86400) < 60
    assert found["dated"]["expires"] == 4102424999  # the day's last second in Asia/Kolkata
    assert (found["dated"]["role"], found["dated"]["user"]) == ("trader", "dated")
    rotated = json.loads(keys("rotate", "laptop", "--overlap", "1h", "--json").stdout)
    assert len(rotated["api_key"]) == 64
    text = keys("list").stdout.splitlines()
    assert "scanner" in text[0]
    assert "alice" in text[0]
    assert "active until" in text[0]
    assert text[2].endswith("active")
    keys("revoke", "laptop")
    assert keys("list").stdout.count("revoked") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("create", "a", "--role", "king"), 1, "known: admin, scanner, trader, viewer"),
        (("create", "a", "--expires", "soon"), 2, "no length of time"),
        (("create", "a", "--expires", "2020-01-01"), 2, "has passed already"),
        (("create", "a", "--expires", "2099-02-31"), 2, "no day of the calendar"),
        (("create", "a", "--expires", "0d"), 2, "has passed already"),
        (("rotate", "a"), 1, "no active key named 'a'"),
        (("rotate", "a", "--overlap", "-1s"), 2, "no length of time"),
        (("revoke", "a"), 1, "no active key named 'a'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(keys, arguments, code, part):
    assert part in keys(*arguments, code=code).stderr
    assert listed(keys) == {}


def test_revoking_a_key_closes_its_connections_and_tells_openalgos_bus(system, tmp_path):
    (tmp_path / "oa.db").touch()
    with zmq.Context() as context, context.socket(zmq.SUB) as bus, ThreadPoolExecutor() as listener:
        port = bus.bind_to_random_port("tcp://127.0.0.1")
        bus.subscribe("")
        one = system(
            f'[openalgo]\ndatabase = "{tmp_path / "oa.db"}"\npepper = "{PLANTED_PEPPER}"\n'
            f'bus = "tcp://127.0.0.1:{port}"\n[jwt]\nsecret = "{PLANTED_JWT}"\n'
            '[simulators.sim]\nbroker = "zerodha"\n'
            '[adapters.zerodha]\nurl = "simulator:sim"\ninstruments = "simulator:sim"\n'
            'credentials = { api_key = "k", access_token = "t" }\n'
        ).up()
        key = one.key("laptop")
        with one.connect(key) as client:
            # A ZeroMQ socket lets new peers in while somebody waits on it, as a proxy does.
            heard = listener.submit(lambda: bus.recv_multipart() if bus.poll(20_000) else [])
            one.run("keys", "revoke", "laptop")
            revoked = time.monotonic()
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "key revoked")
            assert time.monotonic() - revoked < 1.0
        assert invalidated_user(heard.result()) == "laptop"
        shown = [json.dumps(one.status()), one.logs(), json.dumps(one.process("proxy"))]
        kept = [file for file in (one.folder / "state").rglob("*") if file.is_file()]
        shown += [file.read_bytes().decode(errors="replace") for file in kept]
        for secret in (PLANTED_PEPPER, PLANTED_JWT, key):
            assert not any(secret in text for text in shown)
        one.run("down")
