"""Attacks on the entrance, each beside a client that must not notice.

Attackers come from 127.0.0.2 where it matters that they are somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time

import pytest
from attacking import MIB, UPGRADE, auth, elsewhere, limits, logs_in, many_files, rss, shake
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PING = {"action": "ping"}


@elsewhere
def test_10_000_wrong_keys_are_slowed_down_while_good_ones_get_in(proxy_bench, caplog):
    caplog.set_level(logging.INFO)

    async def attacker(bench, number, answered):
        async with connect(bench.address, local_addr=("127.0.0.2", 0), compression=None) as client:
            for attempt in range(200):
                await client.send(auth(f"{number:032x}{attempt:032x}"))
            with contextlib.suppress(ConnectionClosed):
                async for _ in client:
                    answered.append(number)
            return client.close_code

    async def scenario():
        async with proxy_bench(auth_grace_s=3.0) as bench:
            key = bench.keys.create("alice")
            before, answered = rss(), []
            attackers = [asyncio.create_task(attacker(bench, n, answered)) for n in range(50)]
            await bench.until(lambda: len(answered) >= 5)
            await logs_in(bench, key)
            await logs_in(bench, key, local_addr=("127.0.0.2", 0))  # a neighbour of the attacker
            codes = await asyncio.gather(*attackers)
            assert set(codes) == {4401}
            assert len(answered) < 500  # of 10,000
            assert rss() - before < 64 * MIB
            stats = bench.service.stats()
            assert stats["logins_delayed_total"] > 0
            assert stats["unauthenticated"] == 0

    asyncio.run(scenario())
    assert len([r for r in caplog.records if "fail again and again" in r.message]) == 1
    assert "0" * 32 not in caplog.text


def test_10_000_wrong_keys_that_nothing_slows_are_all_refused(proxy_bench):
    async def scenario():
        access = limits(free_failed_logins=10**6, messages_per_s=1e6, message_burst=10**6)
        async with proxy_bench(access=access) as bench:
            key = bench.keys.create("alice")
            attacker = await bench.connect()
            good = await logs_in(bench, key)
            await attacker.send(*[auth(f"{n:064x}") for n in range(10_000)])
            for _ in range(100):
                assert (await good.ask(PING))["type"] == "pong"
            for _ in range(10_000):
                assert (await attacker.receive())["code"] == "AUTHENTICATION_ERROR"
            assert bench.service.stats()["auth_failures_total"] == 10_000

    asyncio.run(scenario())


def test_failures_of_an_address_wait_longer_each_time_and_others_do_not(proxy_bench):
    async def scenario():
        access = limits(
            free_failed_logins=2, failed_login_delay_s=0.1, failed_login_delay_max_s=0.4
        )
        async with proxy_bench(access=access) as bench:
            client, took = await bench.connect(), []
            for _ in range(6):
                began = time.monotonic()
                assert (await client.ask(auth("wrong")))["code"] == "AUTHENTICATION_ERROR"
                took.append(time.monotonic() - began)
            assert max(took[:2]) < 0.1
            assert [round(seconds, 1) for seconds in took[2:]] == pytest.approx(
                [0.1, 0.2, 0.4, 0.4], abs=0.11
            )
            assert bench.service.stats()["logins_delayed_total"] == 4
            await logs_in(bench, bench.keys.create("alice"), within=0.3)

    asyncio.run(scenario())


@elsewhere
def test_2000_half_open_connections_keep_nobody_out_and_are_gone_soon(proxy_bench):
    async def half_open(bench, number):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", bench.port, local_addr=("127.0.0.2", 0)
        )
        if number % 2:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        return reader, writer

    async def scenario():
        async with proxy_bench(access=limits(open_timeout_s=1.0)) as bench:
            key = bench.keys.create("alice")
            before = rss()
            opened = []
            for start in range(0, 2000, 200):
                opened += await asyncio.gather(*(half_open(bench, start + n) for n in range(200)))
                await logs_in(bench, key)
            stats = bench.service.stats()
            assert stats["unauthenticated"] <= 128
            assert stats["unauthenticated_evicted_total"] >= 2000 - 128
            await bench.until(lambda: bench.service.stats()["unauthenticated"] == 0)
            for reader, writer in opened:
                with contextlib.suppress(ConnectionError):
                    await reader.read()  # all of them were ended by the server
                writer.close()
            assert rss() - before < 64 * MIB

    with many_files():
        asyncio.run(scenario())


def test_slow_loris_is_cut_off_when_its_time_is_up(proxy_bench):
    async def scenario():
        async with proxy_bench(access=limits(open_timeout_s=0.3)) as bench:
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for byte in UPGRADE.format(host="127.0.0.1", more="").encode():
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(0.02)
                    if reader.at_eof():
                        break
                await reader.read()
            assert 0.2 < time.monotonic() - began < 1.5
            writer.close()

    asyncio.run(scenario())


def test_client_that_answers_no_ping_is_cut_off_and_one_that_does_stays(proxy_bench):
    async def scenario():
        async with proxy_bench(ping_interval_s=0.1, ping_timeout_s=0.2) as bench:
            good = await bench.client()
            reader, writer, head = await shake(bench)
            assert "101" in head
            async with asyncio.timeout(20):
                assert b"\x89" in await reader.read()  # pings, and then the end
            assert (await good.ask(PING))["type"] == "pong"
            writer.close()

    asyncio.run(scenario())


@elsewhere
def test_address_gets_only_so_many_connections_and_others_still_theirs(proxy_bench):
    async def scenario():
        async with proxy_bench(access=limits(connections_per_address=3)) as bench:
            key = bench.keys.create("alice")
            first = [await logs_in(bench, key) for _ in range(3)]
            with pytest.raises(InvalidStatus) as refused:
                await bench.connect()
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"]
            await logs_in(bench, key, local_addr=("127.0.0.2", 0))
            await first[0].connection.close()
            await bench.until(lambda: bench.service.stats()["clients"] == 3)
            await logs_in(bench, key)
            assert bench.service.stats()["connections_refused_total"] == 1

    asyncio.run(scenario())


@elsewhere
def test_address_gets_only_so_many_handshakes_a_minute(proxy_bench):
    async def scenario():
        async with proxy_bench(access=limits(handshakes_per_minute=60)) as bench:
            statuses = []
            for _ in range(80):
                try:
                    async with connect(bench.address, local_addr=("127.0.0.2", 0)):
                        statuses.append(101)
                except InvalidStatus as refused:
                    statuses.append(refused.response.status_code)
            assert 60 <= statuses.count(101) <= 70
            assert set(statuses) == {101, 429}
            await logs_in(bench, bench.keys.create("alice"))
            assert bench.service.stats()["handshakes_refused_total"] == statuses.count(429)

    asyncio.run(scenario())


def test_forwarded_address_counts_only_when_the_proxy_is_trusted(proxy_bench):
    async def connections(trusted):
        access = limits(connections_per_address=2)
        async with proxy_bench(access=access, trusted_proxies=trusted) as bench:
            made = 0
            with contextlib.suppress(InvalidStatus):
                for number in range(5):
                    await bench.connect(
                        additional_headers={"X-Forwarded-For": f"203.0.113.{number}"}
                    )
                    made += 1
            return made

    assert asyncio.run(connections(["127.0.0.1"])) == 5
    assert asyncio.run(connections([])) == 2


@pytest.mark.parametrize(
    ("origin", "settings", "status"),
    [
        ("https://evil.example", {}, 403),
        ("null", {}, 403),
        ("http://127.0.0.1:5000", {}, 101),
        ("http://localhost:5000", {}, 101),
        ("https://trade.example.com", {"origins": ["https://trade.example.com"]}, 101),
        ("https://evil.example", {"origins": ["https://trade.example.com"]}, 403),
    ],
)
def test_cross_site_page_is_refused_before_it_can_speak(
    proxy_bench, caplog, origin, settings, status
):
    async def scenario():
        async with proxy_bench(**settings) as bench:
            _, writer, head = await shake(bench, more=f"Origin: {origin}\r\n")
            assert head.startswith(f"HTTP/1.1 {status} ")
            assert bench.service.stats()["origin_refused_total"] == (status == 403)
            writer.close()

    asyncio.run(scenario())
    assert ("not in [proxy] origins" in caplog.text) == (status == 403)


def test_name_that_somebody_points_at_loopback_is_refused(proxy_bench):
    async def scenario():
        async with proxy_bench(hosts=["stream.lan"]) as bench:
            for host, status in [
                ("evil.example:8765", 403),
                ("stream.lan:8765", 101),
                ("localhost", 101),
                ("[::1]:1", 101),
            ]:
                _, writer, head = await shake(bench, host=host)
                assert head.startswith(f"HTTP/1.1 {status} "), host
                writer.close()
            _, writer, head = await shake(bench, more="Host: 127.0.0.1\r\n")
            assert head.startswith("HTTP/1.1 400 ")
            writer.close()
            assert bench.service.stats()["host_refused_total"] == 1

    asyncio.run(scenario())


def test_nothing_of_a_refused_client_is_left(proxy_bench):
    """Counters of connections return to what they were, whatever way a connection ended."""

    async def scenario():
        async with proxy_bench(access=limits(open_timeout_s=0.2)) as bench:
            door = bench.service._server.door
            _, writer, _ = await shake(bench, more="Origin: https://evil.example\r\n")
            writer.close()
            _, writer, _ = await shake(bench)
            writer.transport.abort()
            _, half = await asyncio.open_connection("127.0.0.1", bench.port)
            client = await bench.client()
            await client.connection.close()
            await bench.until(lambda: not door._inside and not door._per_address)
            await bench.until(lambda: not len(door._waiting))
            half.close()
            assert not bench.service._desk.presence._connections

    asyncio.run(scenario())


def test_attack_log_is_one_line_per_kind_and_minute(proxy_bench, caplog):
    async def scenario():
        async with proxy_bench() as bench:
            for number in range(30):
                _, writer, _ = await shake(bench, more=f"Origin: https://evil{number}.example\r\n")
                writer.close()

    asyncio.run(scenario())
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1, os.linesep.join(r.message for r in warnings)
