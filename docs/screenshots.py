"""The pictures of `docs/images`, taken of a real run: `.venv/bin/python docs/screenshots.py`.

Needs what the console's tests need (npm, Chromium) and `pngquant`, all packages of Debian. The
market is made up, by a seed; prices and process ids differ between runs, the pages do not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "tests" / "support"))

import browser  # noqa: E402 - lies beside the tests
from system import System  # noqa: E402

CONFIG = """
[console]
enabled = true
port = 0

[simulators.market]
broker = "dhan"
rate = 400
seed = 7

[simulators.exchange]
broker = "zerodha"
rate = 300

[adapters.dhan]
url = "simulator:market"
instruments = "simulator:market"
credentials = { client_id = "c", access_token = "t" }

[adapters.zerodha]
url = "simulator:exchange"
instruments = "simulator:exchange"
credentials = { api_key = "k", access_token = "t" }
"""
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SYMBOLS = ["RELIANCE", "SBIN", "TCS", "INFY", "HDFCBANK", "ICICIBANK", "ITC", "LT", "AXISBANK"]
#: Figures of a minute and a half stand in the lines before their picture is taken.
HISTORY_S = 90


def main() -> None:
    if lacking := browser.missing() or ("" if shutil.which("pngquant") else "pngquant"):
        sys.exit(f"error: {lacking}")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder), CONFIG, "")
        try:
            system.up()
            key = _admin_key(system)
            with connect(system.url(), max_queue=None) as client:
                _keep_busy(client, key)
                _take_all(system.process("console")["endpoint"], key)
        finally:
            system.end()


def _admin_key(system: System) -> str:
    made = system.run("keys", "create", "asha", "--role", "admin", "--json").stdout
    return str(json.loads(made)["api_key"])


def _keep_busy(client: ClientConnection, key: str) -> None:
    """A client like any other, so that there is something to see."""
    client.send(json.dumps({"action": "authenticate", "api_key": key}))
    symbols = [{"symbol": symbol, "exchange": "NSE"} for symbol in SYMBOLS]
    for mode in ("QUOTE", "DEPTH"):
        client.send(json.dumps({"action": "subscribe", "mode": mode, "symbols": symbols}))

    def read() -> None:
        try:
            for _ in client:
                pass
        except ConnectionClosed:
            return

    threading.Thread(target=read, daemon=True).start()


def _take_all(url: str, key: str) -> None:
    with browser.Browser() as chromium:
        page = chromium.tab()
        page.setViewportSize(DESK)
        page.goto(url)
        page.fill("#apikey", key)
        page.click("button:has-text('Log in')")
        page.wait("document.querySelectorAll('tbody[data-process]').length >= 5")
        page.goto(f"{url}/market")
        time.sleep(HISTORY_S)
        _take(page, "console-market", "dark")
        _take(page, "console-market-phone", "light", PHONE)
        page.goto(f"{url}/websocket/test/20")
        page.wait("document.querySelector('.ladder')?.dataset.levels === '20'")
        _take(page, "console-depth", "light")
        page.goto(url)
        page.click("button[aria-label='Hand over dhan']")
        page.waitForSelector("[aria-label='Restart of dhan'] >> text=done")
        time.sleep(3)  # until the figures have the new generation, too
        _take(page, "console-processes", "dark")


def _take(page: browser.Page, name: str, scheme: str, size: dict[str, int] = DESK) -> None:
    file = IMAGES / f"{name}.png"
    page.setViewportSize(size)
    page.emulateMedia({"colorScheme": scheme})
    time.sleep(1)  # the chart fits itself to its new size
    page.screenshot({"path": str(file)})
    subprocess.run(["pngquant", "--force", "--ext", ".png", "64", str(file)], check=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
