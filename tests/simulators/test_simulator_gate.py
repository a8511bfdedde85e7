"""What a simulator answers to HTTP: logins, pages, controls."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

NIFTY = 256265


@pytest.mark.parametrize(
    ("settings", "api_key", "access_token"),
    [
        ({}, "", "t"),
        ({}, "k", ""),
        ({"api_key": "right"}, "k", "t"),
        ({"access_token": "right"}, "k", "t"),
    ],
)
def test_wrong_credentials_get_403(sim, settings, api_key, access_token):
    async def scenario():
        async with sim.running(**settings) as server:
            with pytest.raises(InvalidStatus) as refused:
                await sim.client(server, api_key, access_token)
            assert refused.value.response.status_code == 403

    asyncio.run(scenario())


def test_fourth_connection_gets_429_until_one_closes(sim):
    async def scenario():
        async with sim.running() as server, contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                last = await stack.enter_async_context(sim.client(server))
            with pytest.raises(InvalidStatus) as refused:
                await sim.client(server)
            assert refused.value.response.status_code == 429
            await stack.enter_async_context(sim.client(server, api_key="another"))
            await last.close()
            await sim.until(lambda: server.stats()["clients"] == 3)
            await stack.enter_async_context(sim.client(server))

    asyncio.run(scenario())


def test_refused_logins_and_broken_connections_by_hook(sim):
    async def scenario():
        async with sim.running() as server, sim.client(server) as websocket:
            server.refuse_logins = True
            with pytest.raises(InvalidStatus):
                await sim.client(server)
            assert server.disconnect_all() == 1
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd is None
            server.refuse_logins = False
            async with sim.client(server):
                assert server.stats()["clients"] == 1

    asyncio.run(scenario())


def test_control_page_steers_the_simulator(sim, packets_of, recording):
    async def scenario():
        async with sim.running(data=recording, speed=0) as server, sim.client(server) as websocket:
            _, body = await sim.get(server, "/control?pause=on&refuse=on")
            assert json.loads(body)["paused"]
            assert json.loads(body)["refuse_logins"]
            await sim.ask(websocket, "subscribe", [NIFTY])
            await asyncio.sleep(0.4)
            assert server.stats()["position"] == 0
            await sim.get(server, "/control?pause=off&refuse=off")
            assert len(await packets_of(websocket, 40)) == 40
            _, body = await sim.get(server, "/control?disconnect=1")
            assert json.loads(body)["disconnected"] == 1
            await sim.until(lambda: server.stats()["clients"] == 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "status"), [("/control?pause=maybe", 400), ("/control?x=1", 400), ("/other", 404)]
)
def test_unknown_page_or_control_is_refused(sim, path, status):
    async def scenario():
        async with sim.running() as server:
            with pytest.raises(urllib.error.HTTPError) as refused:
                await sim.get(server, path)
            refused.value.close()
            assert refused.value.code == status

    asyncio.run(scenario())


def test_instruments_and_stats_pages(sim, recording):
    async def scenario():
        async with sim.running(data=recording) as server:
            content_type, body = await sim.get(server, "/instruments")
            assert content_type == "text/csv"
            (row,) = csv.DictReader(io.StringIO(body))
            assert (row["instrument_token"], row["tradingsymbol"]) == (str(NIFTY), "NIFTY 50")
            content_type, body = await sim.get(server, "/stats")
            assert content_type == "application/json"
            assert json.loads(body) == server.stats()

    asyncio.run(scenario())
