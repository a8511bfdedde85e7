"""What a plain GET finds on the WebSocket's port."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect


async def get(bench, path, **headers):
    """Status, headers and JSON (or text) of a page."""

    def fetch():
        url = bench.address.replace("ws://", "http://") + path
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    status, headers, body = await asyncio.to_thread(fetch)
    is_json = headers["Content-Type"] == "application/json"
    return status, headers, json.loads(body) if is_json else body.decode()


def test_health_and_configuration_are_small_json_without_cors(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            status, headers, body = await get(bench, "/healthz")
            assert (status, body) == (200, {"status": "ok"})
            assert headers["Cache-Control"] == "no-store"
            assert not [name for name in headers if name.lower().startswith("access-control")]
            _, _, body = await get(bench, "/api/websocket/config?x=1")
            assert body == {"status": "success", "websocket_url": bench.address}

    asyncio.run(scenario())


def test_public_url_is_what_browsers_are_told(proxy_bench):
    async def scenario():
        async with proxy_bench(public_url="wss://trade.example.com/ws") as bench:
            _, _, body = await get(bench, "/api/websocket/config")
            assert body["websocket_url"] == "wss://trade.example.com/ws"

    asyncio.run(scenario())


def test_readiness_follows_the_adapters(proxy_bench):
    async def scenario():
        async with proxy_bench(present=False) as bench:
            status, _, body = await get(bench, "/readyz")
            assert (status, body["status"], body["present"]) == (503, "unavailable", 0)
            bench.service.follow([bench.adapter.entry])
            status, _, body = await get(bench, "/readyz")
            assert (status, body) == (
                200,
                {"status": "ready", "adapters": 1, "present": 1, "connected": 1},
            )

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/", "/other", "/healthz/"])
def test_other_pages_ask_for_a_websocket(proxy_bench, path):
    async def scenario():
        async with proxy_bench() as bench:
            assert (await get(bench, path))[0] == 426

    asyncio.run(scenario())


def test_pages_are_under_the_same_door_as_connections(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            status, _, _ = await get(bench, "/healthz", Host="evil.example.com")
            assert status == 403

    asyncio.run(scenario())


def test_websocket_may_be_opened_at_a_pages_path(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench, connect(bench.address + "/healthz") as client:
            await client.send('{"action":"ping"}')
            assert json.loads(await client.recv())["type"] == "pong"

    asyncio.run(scenario())
