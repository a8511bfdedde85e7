"""JavaScript's WebSockets against the whole system: Node's `ws`, and Chromium's own."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path

import node_env
import pytest
from system import MARKET

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(240)]

HERE = Path(__file__).parent


@pytest.fixture
def running(system):
    return system(MARKET).up()


def check_ticks(ticks, symbols):
    assert {tick["symbol"] for tick in ticks} == symbols
    for tick in ticks:
        assert list(tick) == ["type", "symbol", "exchange", "mode", "data", "broker", "topic"]
        assert isinstance(tick["data"]["timestamp"], int)
        assert tick["data"]["ltp"] > 0


def test_node_client_authenticates_subscribes_and_receives(running):
    if shutil.which("npm") is None:
        pytest.skip("NOT RUN: there is no npm here; install Node 18 or newer")
    folder = node_env.packages("ws")
    done = subprocess.run(
        ["node", folder / "client.mjs", running.url()],
        input=running.key(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["code"], seen["pongs"], seen["binary"], seen["extensions"]) == (1000, 1, 0, "")
    assert seen["types"][0] == "auth"
    assert seen["auth"]["user_id"] == "test"
    assert seen["ack"]["subscriptions"][0]["mode"] == "Quote"
    check_ticks(seen["ticks"], {"RELIANCE", "SBIN"})


def test_chromiums_own_websocket_authenticates_subscribes_and_receives(running, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("NOT RUN: there is no chromium here; install Debian's package")
    with page_server({"url": running.url(), "key": running.key()}) as (address, reports):
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--disable-background-networking"),
            *(f"--user-data-dir={tmp_path / 'profile'}", address),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as chromium:
            try:
                seen = reports.get(timeout=60)
            finally:
                chromium.terminate()
    assert seen.get("error") is None
    assert (seen["code"], seen["wasClean"]) == (1000, True)
    assert seen["types"][:2] == ["auth", "subscribe"]
    assert seen["text"] == len(seen["types"])
    check_ticks(seen["ticks"], {"RELIANCE"})


@contextlib.contextmanager
def page_server(settings):
    """Serves the page on loopback; yields its address, and a queue of what it reports."""
    reports = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_page = self.path == "/"
            body = (
                (HERE / "browser_page.html").read_bytes()
                if is_page
                else json.dumps(settings).encode()
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "application/json")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", reports
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
