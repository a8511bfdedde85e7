"""A whole run, with every kind of credential that there is: none of them is anywhere to be read.

Looked through: what every command says, all logs, metrics, answers of the console, argument lists
and environments of all processes, and every file that is left.
"""

import contextlib
import http.client
import json
import time
from pathlib import Path

import psutil
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

APP_KEY = "planted-app-key-0815"
TODAYS, TOMORROWS = "planted-todays-token-4711", "planted-tomorrows-token-1234"
JWT_SECRET = "planted-jwt-secret-of-32-bytes-and-more-0001"
SCRAPE_TOKEN = "planted-scrape-token-9999"
GUESSED = "planted-guessed-key-5555"

CONFIG = f"""
[console]
enabled = true
port = 0

[metrics]
token = "{SCRAPE_TOKEN}"

[jwt]
secret = "{JWT_SECRET}"
role = "admin"

[simulators.sim]
broker = "zerodha"
api_key = "{APP_KEY}"
access_token = "{TOMORROWS}"

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "{APP_KEY}", access_token = "{TODAYS}" }}
"""


class Seen:
    """Everything that somebody could read, and where."""

    def __init__(self):
        self.texts = []

    def add(self, where, text):
        self.texts.append((where, text))

    def with_any(self, secrets):
        return [
            (where, name)
            for where, text in self.texts
            for name, secret in secrets.items()
            if secret in text
        ]


def log_in(one, credential):
    """To the proxy; what it answers."""
    with connect(one.url()) as client, contextlib.suppress(ConnectionClosed):
        client.send(json.dumps({"action": "authenticate", "api_key": credential}))
        answers = [client.recv(timeout=10)]
        client.send(json.dumps({"action": "subscribe", "symbol": "SBIN", "exchange": "NSE"}))
        answers.append(client.recv(timeout=10))
        return answers
    return answers


def ask_console(one, method, path, body=None, headers=()):
    """Its answer, headers included, less the cookie, which is the browser's own credential."""
    host = one.process("console")["endpoint"].removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    sent = {"Origin": f"http://{host}", "Content-Type": "application/json", **dict(headers)}
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return answer.status, text, cookie


def processes(one, seen):
    """Arguments and environments of the supervisor, its processes, and their template."""
    pids = set(one.pids())
    for pid in list(pids):
        with contextlib.suppress(psutil.Error):
            pids |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            seen.add(f"arguments of {pid}", " ".join(process.cmdline()))
            seen.add(f"environment of {pid}", json.dumps(process.environ()))
    return len(pids)


def test_no_credential_of_a_whole_run_is_to_be_read_anywhere(system):
    seen = Seen()
    one = system(CONFIG)

    def command(*arguments, stdin=None, check=True):
        done = one.run(*arguments, stdin=stdin, check=check)
        seen.add(f"`{' '.join(arguments)}`", done.stdout + done.stderr)
        return done

    command("up", "--detach")  # the broker refuses the token of today
    one.wait_for(lambda: one.process("zerodha")["stats"].get("broker_state") == "needs_token")
    command("token", "set", "zerodha", stdin=f"{TOMORROWS}\n")
    one.wait_for(one.settled)
    key = one.key()
    claims = {"sub": "alice", "exp": int(time.time()) + 3600}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(JWT_SECRET))
    for credential in (key, token, GUESSED):
        seen.add("answers of the proxy", "".join(map(str, log_in(one, credential))))
    for credential in (GUESSED, token):
        status, text, cookie = ask_console(one, "POST", "/api/login", {"apikey": credential})
        seen.add("answers of the console", text)
    assert status == 200
    ticket = json.loads(ask_console(one, "POST", "/api/ticket", {}, {"Cookie": cookie}.items())[1])
    seen.add("answers of the proxy", "".join(map(str, log_in(one, ticket["ticket"]))))
    bearer = {"Authorization": f"Bearer {SCRAPE_TOKEN}"}.items()
    status, metrics, _ = ask_console(one, "GET", "/metrics", headers=bearer)
    assert (status, "openalgo_stream_ticks_total" in metrics) == (200, True)
    seen.add("metrics", metrics)
    assert ask_console(one, "GET", "/metrics")[0] == 401

    count = processes(one, seen)
    run = json.loads((one.folder / "state" / "run.json").read_text())
    command("restart", "zerodha")
    command("restart", "proxy")
    command("reload")
    command("status")
    command("status", "--json")
    command("status", "--clients", "--json")
    command("keys", "list", "--json")
    command("config", "show", check=False)
    command("doctor", check=False)
    command("logs", "-n", "5000")
    command("logs", "--json", "-n", "5000")
    command("down")
    left = [file for file in Path(one.folder, "state").rglob("*") if file.is_file()]
    for file in left:
        seen.add(str(file), file.read_bytes().decode(errors="replace"))

    assert len(seen.with_any({"no secret": "zerodha"})) > 10  # this is how one would be found
    assert count >= 6
    assert len(left) > 5
    secrets = {
        "the app's key": APP_KEY,
        "today's token": TODAYS,
        "tomorrow's token": TOMORROWS,
        "a client's key": key,
        "a guessed key": GUESSED,
        "the secret of tokens": JWT_SECRET,
        "a token": token,
        "its signature": token.rpartition(".")[2],
        "a ticket": ticket["ticket"],
        "a session": cookie.partition("=")[2],
        "the scraper's token": SCRAPE_TOKEN,
        "the run's secret": run["secret"],
    }
    assert all(len(secret) > 8 for secret in secrets.values())
    assert seen.with_any(secrets) == []
