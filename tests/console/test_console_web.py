"""The routes over the real application: who gets in, what each answer carries, who may do what."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from bus.access import LimitSettings
from bus.control.messages import StatusReply, StatusRequest
from bus.errors import UnreachableError
from bus.secret import Secret
from console.admission import Admission
from console.asking import RefusedError, Supervisor
from console.books import Books
from console.desk import Desk
from console.figures import Figures
from console.hub import Hub
from console.protection import Protection
from console.quotes import Quotes
from console.sessions import Sessions
from console.web import PAGES, Web
from identity.headers import Origins, Proxies
from identity.keys import KeyStore
from identity.scopes import Roles
from identity.tickets import Tickets

BASE = "http://127.0.0.1:8767"
OWN = {"Origin": BASE}


class Clock:
    def __init__(self):
        self.now_s = 1_000_000.0

    def monotonic(self):
        return self.now_s

    def unix_ns(self):
        return int(self.now_s * 1e9)


class Site:
    """The application with a key store of its own, and what was asked of the supervisor."""

    def __init__(self, folder, *, secure=False, endpoint="", limits=None):
        self.clock = Clock()
        self.keys = KeyStore(folder / "keys.db", self.clock, Roles())
        self.admin = self.keys.create("boss", role="admin")
        self.trader = self.keys.create("trader")
        self.restarts = []
        self.websocket = "ws://127.0.0.1:8765"
        self.refusal = None
        self.sessions = Sessions(100.0)
        figures = Figures()
        self.hub = Hub(figures)
        desk = Desk(
            version="1",
            cookie="c",
            secure=secure,
            sessions=self.sessions,
            admission=Admission(self.keys, limits or LimitSettings(), self.clock),
            tickets=Tickets(Secret("run"), self.clock, self.keys.renew),
            proxies=Proxies([]),
            figures=figures,
            hub=self.hub,
            books=Books(folder),
            quotes=Quotes(lambda: endpoint),
            now=self.clock.monotonic,
            websocket_url=lambda: self.websocket,
            recent_lines=self.recent,
            restart=self.restart,
        )
        self.app = Protection(
            Web(desk).app,
            origins=Origins([], ["127.0.0.1"]),
            websocket=lambda: self.websocket,
            secure=secure,
        )

    async def recent(self):
        return []

    async def restart(self, name, *, hard, by):
        if self.refusal:
            raise self.refusal
        self.restarts.append((name, hard, by))

    def client(self, base=BASE):
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=base)


async def login(client, key, **headers):
    return await client.post("/api/login", json={"apikey": key}, headers={**OWN, **headers})


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def run(work):
    return asyncio.run(work)


def test_every_page_is_served_under_the_strict_policy(site):
    async def work():
        async with site.client() as client:
            for page in PAGES:
                answer = await client.get(page)
                assert answer.status_code == 200
                assert '<div id="root">' in answer.text
                told = answer.headers["content-security-policy"]
                assert "default-src 'none'" in told
                assert "unsafe" not in told
                assert "connect-src 'self' ws://127.0.0.1:8765;" in told
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["x-content-type-options"] == "nosniff"
            script = await client.get("/assets/index.js")
            assert script.status_code == 200
            assert "javascript" in script.headers["content-type"]
            assert (await client.get("/assets/../web.py")).status_code == 404
            assert (await client.get("/nothing")).status_code == 404

    run(work())


def test_a_login_gives_a_cookie_that_scripts_cannot_read(site):
    async def work():
        async with site.client() as client:
            assert (await client.get("/api/me")).json() is None
            answer = await login(client, site.trader)
            assert answer.status_code == 200
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert site.trader not in cookie
            assert site.trader not in answer.text
            me = (await client.get("/api/me")).json()
            assert (me["user"], me["admin"]) == ("trader", False)
            await client.post("/api/logout", json={}, headers=OWN)
            assert (await client.get("/api/me")).json() is None

    run(work())


def test_behind_tls_the_cookie_never_travels_in_clear_text(tmp_path):
    site = Site(tmp_path, secure=True)

    async def work():
        async with site.client("https://127.0.0.1:8767") as client:
            answer = await login(client, site.trader, Origin="https://127.0.0.1:8767")
            assert "Secure" in answer.headers["set-cookie"]
            assert "strict-transport-security" in answer.headers
            assert (await login(client, site.trader)).status_code == 403  # http's origin

    run(work())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/events"),
        ("POST", "/api/ticket"),
        ("GET", "/api/instruments?q=a"),
        ("POST", "/api/quotes"),
        ("POST", "/api/processes/zerodha/restart"),
    ],
)
def test_nothing_is_told_to_who_is_not_logged_in(site, method, path):
    async def work():
        async with site.client() as client:
            answer = await client.request(method, path, json={"symbols": []}, headers=OWN)
            assert answer.status_code == 401
            client.cookies.set("c", "made-up")
            answer = await client.request(method, path, json={"symbols": []}, headers=OWN)
            assert answer.status_code == 401

    run(work())
    assert site.restarts == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8767"},
        {"Origin": "http://localhost:8767"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
    ],
)
def test_other_peoples_pages_change_nothing(site, headers):
    async def work():
        async with site.client() as client:
            await login(client, site.admin)
            answer = await client.post(
                "/api/processes/zerodha/restart", json={"hard": False}, headers=headers
            )
            assert answer.status_code == 403
            assert "content-security-policy" in answer.headers

    run(work())
    assert site.restarts == []


def test_a_name_that_is_not_ours_is_not_served(site):
    async def work():
        async with site.client("http://rebound.example:8767") as client:
            assert (await client.get("/")).status_code == 403
        async with site.client("http://localhost:8767") as client:
            assert (await client.get("/")).status_code == 200

    run(work())


def test_only_json_is_taken(site):
    async def work():
        async with site.client() as client:
            form = await client.post("/api/login", data={"apikey": site.trader}, headers=OWN)
            assert form.status_code == 415
            for body, status in ((b"{", 400), (b'{"apikey": 3}', 400), (b" " * 300_000, 413)):
                answer = await client.post(
                    "/api/login",
                    content=body,
                    headers={**OWN, "Content-Type": "application/json"},
                )
                assert answer.status_code == status
                assert answer.json()["error"]

    run(work())


def test_restarts_are_for_administrators(site):
    async def work():
        async with site.client() as client:
            await login(client, site.trader)
            refused = await client.post("/api/processes/zerodha/restart", json={}, headers=OWN)
            assert refused.status_code == 403
            assert "admin" in refused.json()["error"]
            assert site.restarts == []
            await login(client, site.admin)
            for hard in (False, True):
                taken = await client.post(
                    "/api/processes/zerodha/restart", json={"hard": hard}, headers=OWN
                )
                assert taken.status_code == 202
            assert site.restarts == [("zerodha", False, "boss"), ("zerodha", True, "boss")]
            site.refusal = RefusedError("no process is named 'zerodha'")
            answer = await client.post("/api/processes/zerodha/restart", json={}, headers=OWN)
            assert (answer.status_code, answer.json()["error"]) == (409, str(site.refusal))
            site.refusal = UnreachableError("no answer")
            answer = await client.post("/api/processes/zerodha/restart", json={}, headers=OWN)
            assert answer.status_code == 503

    run(work())


def test_failed_logins_wait_longer_and_longer_and_good_keys_do_not(tmp_path, monkeypatch):
    site = Site(tmp_path, limits=LimitSettings(free_failed_logins=2, failed_login_delay_s=0.5))
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("identity.admission.asyncio.sleep", sleep)

    async def work():
        async with site.client() as client:
            for _ in range(5):
                answer = await login(client, "wrong")
                assert answer.status_code == 401
                assert "not valid" in answer.json()["error"]
            assert slept == [0, 0, 0.5, 1.0, 2.0]
            assert (await login(client, site.trader)).status_code == 200
            assert len(slept) == 5

    run(work())


def test_too_many_attempts_of_an_address_are_refused(tmp_path):
    site = Site(tmp_path, limits=LimitSettings(handshakes_per_minute=3))

    async def work():
        async with site.client() as client:
            statuses = [(await login(client, site.trader)).status_code for _ in range(5)]
            assert statuses == [200, 200, 200, 429, 429]

    run(work())


def test_a_ticket_opens_what_the_key_opens(site):
    async def work():
        async with site.client() as client:
            await login(client, site.trader)
            answer = (await client.post("/api/ticket", headers=OWN)).json()
            assert answer["url"] == "ws://127.0.0.1:8765"
            assert site.trader not in json.dumps(answer)
            tickets = Tickets(Secret("run"), site.clock, site.keys.renew)
            assert tickets.verify(answer["ticket"]).name == "trader"
            site.websocket = ""
            assert (await client.post("/api/ticket", headers=OWN)).status_code == 503

    run(work())


def test_search_answers_within_bounds(site):
    async def work():
        async with site.client() as client:
            await login(client, site.trader)
            assert (await client.get("/api/instruments?q=")).json() == {"instruments": []}
            assert (await client.get("/api/instruments?q=rel")).json() == {"instruments": []}
            assert (await client.get("/api/instruments?q=a&limit=x")).status_code == 400

    run(work())


def test_quotes_say_so_when_nobody_has_any(site):
    async def work():
        async with site.client() as client:
            await login(client, site.trader)
            body = {"symbols": [{"symbol": "TCS", "exchange": "NSE"}]}
            answer = await client.post("/api/quotes", json=body, headers=OWN)
            assert answer.status_code == 503
            many = {"symbols": body["symbols"] * 501}
            assert (await client.post("/api/quotes", json=many, headers=OWN)).status_code == 400

    run(work())


def test_quotes_are_passed_on_with_a_ticket_and_never_a_key(tmp_path):
    asked = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        asked.append((head.split(b" ")[1], json.loads(await reader.readexactly(length))))
        body = b'{"status":"success","results":[]}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async def work():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        site = Site(tmp_path, endpoint=f"http://127.0.0.1:{port}")
        async with server, site.client() as client:
            await login(client, site.trader)
            body = {"symbols": [{"symbol": "TCS", "exchange": "NSE"}]}
            answer = await client.post("/api/quotes", json=body, headers=OWN)
            assert answer.json() == {"status": "success", "results": []}
            ((path, told),) = asked
            assert path == b"/api/v1/multiquotes"
            assert told["symbols"] == body["symbols"]
            assert told["apikey"].startswith("ticket.")
            assert site.trader not in json.dumps(told)

    run(work())


def test_the_stream_begins_with_history_and_ends_with_the_session(site):
    async def work():
        token = site.sessions.begin(site.keys.verify(site.trader), site.clock.monotonic())
        session = site.sessions.find(token, site.clock.monotonic())
        stream = site.hub.stream(session, site.recent)
        first = await anext(stream)
        assert first.startswith(b"event: history\n")
        assert b"event: status\n" in first
        assert len(site.hub) == 1
        site.sessions.end(token)
        site.hub.tell_status(site.clock.monotonic())
        assert b'"reason":"session"' in await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert len(site.hub) == 0

    run(work())


def test_probes_are_answered_without_a_login(site):
    async def work():
        async with site.client() as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert (await client.get("/readyz")).status_code == 503

    run(work())


def test_a_supervisor_that_is_not_there_is_said_so(tmp_path):
    async def work():
        supervisor = Supervisor(Path(tmp_path / "run.json"), Secret("x"))
        with pytest.raises(UnreachableError):
            await supervisor.ask(StatusRequest(), StatusReply)

    run(work())
