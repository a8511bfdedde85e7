"""A day with the console in a real browser, against a whole system of real processes."""

import itertools
import json
import os
import signal
import time

import browser
import pytest
from browser import Browser
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.peer,
    pytest.mark.process,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(browser.missing()), reason=f"NOT RUN: {browser.missing()}"),
]

CONFIG = """
[console]
enabled = true
port = 0

[simulators.market]
broker = "dhan"
rate = 400
seed = 7

[adapters.dhan]
url = "simulator:market"
instruments = "simulator:market"
credentials = { client_id = "c", access_token = "t" }
"""
PAGES = ("/", "/market", "/websocket/test", "/websocket/test/20")
DESKTOP, LAPTOP, PHONE = (
    {"width": width, "height": height} for width, height in ((1440, 900), (1280, 800), (390, 844))
)
TABLES_FIT = """[...document.querySelectorAll('table')]
    .every(table => table.offsetWidth <= table.parentElement.clientWidth)"""


@pytest.fixture
def running(system):
    return system(CONFIG).up()


def key(running, name, role):
    return json.loads(running.run("keys", "create", name, "--role", role, "--json").stdout)[
        "api_key"
    ]


def log_in(page, running, credential):
    page.goto(running.process("console")["endpoint"])
    page.fill("#apikey", credential)
    page.click("button:has-text('Log in')")
    page.wait("document.querySelectorAll('tbody[data-process]').length >= 5")


def figure(page, process, name):
    return page.textContent(f"tbody[data-process={process}] [data-figure={name}]")


def figure_is(process, name, value):
    selector = f"tbody[data-process={process}] [data-figure={name}]"
    return f"document.querySelector('{selector}')?.textContent === '{value}'"


def ltp_of(symbol):
    return f"document.querySelector('tr[data-symbol=\"{symbol}\"] .ltp')?.textContent"


def missing_ticks(ticks, symbol):
    """What the volumes of a symbol's quotes say of ticks that did not come, or came twice.

    The simulator raises the day's volume with each trade by the quantity that it tells.
    """
    quotes = [f for f in ticks if f["symbol"] == symbol and f["mode"] == 2 and f["volume"]]
    volumes = [q["volume"] for q in quotes]
    steps = [
        (after["volume"] - before["volume"], after["quantity"])
        for before, after in itertools.pairwise(quotes)
    ]
    wrong = [step for step in steps if step[0] not in {0, step[1]}]
    return len(volumes), wrong


def test_a_day_at_the_console(running):
    admin = key(running, "boss", "admin")
    with Browser() as chromium:
        page, other = chromium.tab(), chromium.tab(1)
        log_in(page, running, admin)
        assert admin not in page.content()
        stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert admin not in stored
        assert admin not in page.url()
        assert page.evaluate("document.cookie") == ""  # HttpOnly

        see_live_prices_change(page)
        hand_over_under_the_chart(page, other, running)
        kill_and_see_it_recover(page, other, running)
        open_every_ladder(page)

        page.click("button:has-text('Log out')")
        page.waitForSelector("#apikey")
        assert page.problems() == other.problems() == []


def see_live_prices_change(page):
    page.click("nav >> text=Market")
    page.waitForSelector("[role=status] >> text=live")
    page.wait(f"/\\d/.test({ltp_of('NSE:RELIANCE')})")
    before = page.evaluate(ltp_of("NSE:RELIANCE"))
    page.wait(f"{ltp_of('NSE:RELIANCE')} !== {before!r}")
    page.fill("input[role=combobox]", "axisb")
    page.waitForSelector("[role=option] >> text=AXISBANK")
    page.press("input[role=combobox]", "Enter")
    page.wait(f"/\\d/.test({ltp_of('NSE:AXISBANK')})")
    page.waitForSelector("h2:has-text('AXISBANK')")
    page.click("button.name:has-text('RELIANCE')")
    page.wait("Number(document.querySelector('figure.chart')?.dataset.ticks) > 10")


def hand_over_under_the_chart(page, other, running):
    """The chart is looked at in one tab, and the adapter restarted from another."""
    generation = running.process("dhan")["generation"]
    other.goto(running.process("console")["endpoint"])
    other.waitForSelector("button[aria-label='Hand over dhan']")
    page.ticks()  # from here on
    other.click("button[aria-label='Hand over dhan']")
    other.waitForSelector("[aria-label='Restart of dhan'] >> text=done")
    steps = other.textContent("[aria-label='Restart of dhan'] ol")
    assert "subscribed" in steps
    assert "longest gap" in steps
    drawn = int(page.getAttribute("figure.chart", "data-ticks"))
    page.wait(f"Number(document.querySelector('figure.chart').dataset.ticks) > {drawn + 20}")
    quotes, wrong = missing_ticks(page.ticks(), "RELIANCE")
    assert quotes > 20
    assert wrong == [], "ticks are missing or came twice"
    assert page.sockets() == 1, "the page kept its one connection"
    other.wait(figure_is("dhan", "generation", generation + 1))
    assert running.process("proxy")["stats"]["lost_total"] == 0
    print(f"{quotes} quotes over the hand-over, none missing: {steps}")


def kill_and_see_it_recover(page, other, running):
    pid = int(figure(other, "dhan", "pid"))
    assert pid == running.process("dhan")["pid"]
    os.kill(pid, signal.SIGKILL)
    other.wait(
        f"""(row => {{
            const pid = Number(row.querySelector('[data-figure=pid]').textContent);
            return row.dataset.state === 'running' && pid > 0 && pid !== {pid};
        }})(document.querySelector('tbody[data-process=dhan]'))"""
    )
    assert int(figure(other, "dhan", "restarts")) >= 2
    other.waitForSelector(".lines >> text=dhan ended:")
    before = page.evaluate(ltp_of("NSE:RELIANCE"))
    page.wait(f"{ltp_of('NSE:RELIANCE')} !== {before!r}")
    assert page.sockets() == 1


def open_every_ladder(page):
    page.click("nav >> text=Depth")
    for levels in (5, 20, 30, 50):
        page.click(f".tabs a:has-text('{levels}')")
        suffix = "" if levels == 5 else f"/{levels}"
        assert page.url().endswith(f"/websocket/test{suffix}")
        page.wait(f"document.querySelector('.ladder')?.dataset.levels === '{levels}'")
    best = "document.querySelector('.ladder tbody .up').textContent"
    before = page.evaluate(best)
    page.wait(f"{best} !== {before!r}")


def test_who_may_not_sees_no_buttons_and_no_logs(running):
    with Browser() as chromium:
        page = chromium.tab()
        log_in(page, running, key(running, "guest", "viewer"))
        page.waitForSelector("text=need a key whose role has the right admin")
        assert page.evaluate("document.querySelectorAll('.controls, .logs').length") == 0
        status = page.evaluate("""fetch('/api/processes/dhan/restart', {method: 'POST',
            headers: {'Content-Type': 'application/json'}, body: '{}'}).then(r => r.status)""")
        assert status == 403
        running.run("keys", "revoke", "guest")
        page.waitForSelector("#apikey")


def test_nothing_keeps_anybody_out(running):
    """axe on every page, light and dark, on a phone and on a desk."""
    with Browser() as chromium:
        page = chromium.tab()
        page.goto(running.process("console")["endpoint"])
        page.waitForSelector("#apikey")
        found = {("login", scheme): page_axe(page, scheme) for scheme in ("light", "dark")}
        log_in(page, running, key(running, "boss", "admin"))
        for path in PAGES:
            page.goto(running.process("console")["endpoint"] + path)
            page.waitForSelector("[role=status] >> text=live" if path != "/" else ".lines .line")
            page.setViewportSize(LAPTOP)
            assert page.evaluate(TABLES_FIT), path
            for size in (DESKTOP, PHONE):
                page.setViewportSize(size)
                for scheme in ("light", "dark"):
                    found[path, size["width"], scheme] = page_axe(page, scheme)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size["width"], (path, wide)
        assert {at: what for at, what in found.items() if what} == {}
        assert page.problems() == []


def page_axe(page, scheme):
    page.emulateMedia({"colorScheme": scheme})
    # A price that flashes while the theme changes keeps the other theme's colour until it is done.
    page.evaluate(
        "Promise.allSettled(document.getAnimations().map(one => one.finished)).then(() => 0)"
    )
    return page.axe()


def test_without_a_websocket_the_page_asks_over_http(running):
    """Ticks flow for another client; the page's own connections are cut off."""
    admin = key(running, "boss", "admin")
    with connect(running.url(), max_queue=None) as other, Browser() as chromium:
        page = chromium.tab()
        other.send(json.dumps({"action": "authenticate", "api_key": admin}))
        symbols = [{"symbol": "RELIANCE", "exchange": "NSE"}]
        other.send(json.dumps({"action": "subscribe", "mode": "QUOTE", "symbols": symbols}))
        page.refuseSockets()
        log_in(page, running, admin)
        page.click("nav >> text=Market")
        page.waitForSelector("[role=status] >> text=polling")
        page.wait(f"/\\d/.test({ltp_of('NSE:RELIANCE')})")
        before = page.evaluate(ltp_of("NSE:RELIANCE"))
        deadline = time.monotonic() + 45
        while page.evaluate(ltp_of("NSE:RELIANCE")) == before:
            assert time.monotonic() < deadline
            time.sleep(0.2)
