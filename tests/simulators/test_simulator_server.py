"""The server on loopback, with a real WebSocket client."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from pathlib import Path

import pytest

from simulators import ListenError, SimulatorServer, SimulatorSettings
from simulators.markets.recorded import load

INFY, NIFTY = 408065, 256265
ROWS = "".join(f"2022-10-03 09:00:{n:02d},{17_000 + n}\n" for n in range(40))


def test_modes_decide_the_packets(sim, packets_of):
    async def scenario():
        async with sim.running(rate=5000) as server, sim.client(server) as websocket:
            for mode, lengths in (("ltp", {8}), ("quote", {44, 28}), ("full", {184, 32})):
                await sim.ask(websocket, "subscribe", [INFY, NIFTY])
                await sim.ask(websocket, "mode", [mode, [INFY, NIFTY]])
                while {t["length"] for t in await packets_of(websocket, 1)} - lengths:
                    pass
                ticks = await packets_of(websocket, 20)
                assert {tick["length"] for tick in ticks} <= lengths
                assert {tick["token"] for tick in ticks} <= {INFY, NIFTY}
                await sim.ask(websocket, "unsubscribe", [INFY, NIFTY])
                await sim.until(lambda: server.stats()["subscriptions"] == 0)

    asyncio.run(scenario())


def test_current_snapshot_comes_at_once_on_subscribe_and_mode(sim, packets_of):
    async def scenario():
        async with sim.running(rate=0.001) as server, sim.client(server) as websocket:
            await sim.until(lambda: server.stats()["position"] == 50)
            await sim.ask(websocket, "subscribe", [INFY])
            await sim.ask(websocket, "mode", ["full", [INFY]])
            quote, full = await packets_of(websocket, 2)
            assert (quote["length"], full["length"]) == (44, 184)
            assert quote["ltp"] == full["ltp"]

    asyncio.run(scenario())


def test_recording_waits_for_a_subscription_and_is_played_whole(sim, packets_of, recording, caplog):
    async def scenario():
        async with sim.running(data=recording, speed=0) as server, sim.client(server) as websocket:
            await asyncio.sleep(0.05)
            assert server.stats()["position"] == 0
            await sim.ask(websocket, "subscribe", [NIFTY])
            await sim.ask(websocket, "mode", ["full", [NIFTY]])
            ticks = await packets_of(websocket, 40)
            assert [tick["ltp"] for tick in ticks] == [17_000.0 + n for n in range(40)]
            assert server.stats()["finished"]
            async with asyncio.timeout(3):  # it stays up, with heartbeats
                assert await websocket.recv() == b"\x00"

    with caplog.at_level("INFO", logger="simulators"):
        asyncio.run(scenario())
    assert sum("end of data" in record.message for record in caplog.records) == 1


def test_recording_is_paced(sim, packets_of, recording):
    async def scenario():
        loop = asyncio.get_running_loop()
        async with (
            sim.running(data=recording, speed=100) as server,
            sim.client(server) as websocket,
        ):
            await sim.ask(websocket, "subscribe", [NIFTY])
            await packets_of(websocket, 1)
            began = loop.time()
            await packets_of(websocket, 39)
            assert 0.3 < loop.time() - began < 1.0  # 39 s of market at speed 100

    asyncio.run(scenario())


def test_loop_begins_again(sim, packets_of, recording):
    async def scenario():
        async with sim.running(data=recording, speed=0, loop=True) as server:
            async with sim.client(server) as websocket:
                await sim.ask(websocket, "subscribe", [NIFTY])
                ticks = await packets_of(websocket, 100)
            assert [tick["ltp"] for tick in ticks[38:42]] == [17_038, 17_039, 17_000, 17_001]

    asyncio.run(scenario())


def test_bad_row_ends_playing_and_is_told(sim, packets_of, recording, caplog):
    async def scenario():
        async with sim.running(data=recording, speed=0) as server, sim.client(server) as websocket:
            await sim.ask(websocket, "subscribe", [NIFTY])
            await packets_of(websocket, 40)
            await sim.until(lambda: server.stats()["error"])
            assert ":41:" in server.stats()["error"]

    Path(recording).write_text(f"{ROWS}torn")
    asyncio.run(scenario())
    assert "playing ends early" in caplog.text


def test_heartbeat_comes_when_nothing_else_does(sim):
    async def scenario():
        async with sim.running() as server, sim.client(server) as websocket:
            async with asyncio.timeout(3):
                assert await websocket.recv() == b"\x00"

    asyncio.run(scenario())


def test_bad_command_is_answered_and_the_connection_stays(sim, packets_of):
    async def scenario():
        async with sim.running(rate=5000) as server, sim.client(server) as websocket:
            await websocket.send("{")
            reply = json.loads(await websocket.recv())
            assert reply["type"] == "error"
            await sim.ask(websocket, "subscribe", [INFY])
            assert await packets_of(websocket, 1)

    asyncio.run(scenario())


def test_client_that_does_not_read_is_dropped_and_others_are_not(sim, packets_of, monkeypatch):
    monkeypatch.setattr("simulators.server.MAX_UNREAD_BYTES", 100_000)

    async def scenario():
        async with sim.running(rate=40_000) as server, sim.client(server) as good:
            tokens = server._broker._tokens
            bad = await sim.client(server)
            bad.transport.pause_reading()
            for websocket in (bad, good):
                await sim.ask(websocket, "subscribe", tokens)
                await sim.ask(websocket, "mode", ["full", tokens])
            reader = asyncio.create_task(packets_of(good, 1_000_000))
            await sim.until(lambda: server.stats()["clients"] == 1)
            assert not reader.done()
            reader.cancel()
            bad.transport.abort()

    asyncio.run(scenario())


def test_speed_zero_waits_for_the_reader_and_then_drops_it(sim, monkeypatch):
    monkeypatch.setattr("simulators.server.MAX_WAIT_S", 0.2)

    async def scenario():
        async with sim.running(speed=0) as server:
            slow = await sim.client(server)
            slow.transport.pause_reading()
            tokens = server._broker._tokens
            await sim.ask(slow, "subscribe", tokens)
            await sim.ask(slow, "mode", ["full", tokens])
            await sim.until(lambda: server.stats()["position"] > 0)
            await sim.until(lambda: server.stats()["clients"] == 0, timeout_s=20)
            position = server.stats()["position"]
            await asyncio.sleep(0.1)
            assert server.stats()["position"] <= position + 1000  # nobody reads, nothing plays
            slow.transport.abort()

    asyncio.run(scenario())


def test_dated_session_is_the_same_in_every_run(sim, packets_of):
    async def run_once():
        async with (
            sim.running(speed=0, seed=3, date="2025-12-15") as server,
            sim.client(server) as ws,
        ):
            await sim.ask(ws, "subscribe", server._broker._tokens)
            return await packets_of(ws, 3000)

    first, second = asyncio.run(run_once()), asyncio.run(run_once())
    assert first[:3000] == second[:3000]


def test_taken_port_is_told(sim):
    async def scenario():
        async with sim.running() as server:
            second = SimulatorServer(SimulatorSettings(broker="zerodha", port=server.port))
            with pytest.raises(ListenError, match="cannot listen"):
                await second.start()
            await second.stop()

    asyncio.run(scenario())


@pytest.mark.realdata
def test_real_recording_reaches_a_client_whole(sim, ticks_file, tmp_path, read_frame):
    """The day's first 30,000 rows, two instruments in full mode: every row, in order."""
    part = tmp_path / "part.jsonl"
    with gzip.open(ticks_file) as file:
        part.write_bytes(b"".join(itertools.islice(file, 30_000)))

    async def scenario():
        async with sim.running(data=str(part), speed=0) as server, sim.client(server) as websocket:
            wanted_tokens = {server._broker._tokens[0], server._broker._tokens[3]}
            wanted = [
                server._broker.packet(event.snapshot, "full")[2:]
                for event in load(part).events()
                if event.snapshot.number in (0, 3)
            ]
            await sim.ask(websocket, "subscribe", list(wanted_tokens))
            await sim.ask(websocket, "mode", ["full", list(wanted_tokens)])
            got = []
            while len(got) < len(wanted):
                frame = await websocket.recv()
                if len(frame) > 1:
                    got += read_frame(frame)
            assert got == wanted

    asyncio.run(scenario())
