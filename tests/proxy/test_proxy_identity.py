"""Who a client is, and what follows from it, through the server: roles, revocation, OpenAlgo."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import time

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.exceptions import ConnectionClosed

from bus.access import AccessSettings, JwtSettings, OpenAlgoSettings, RoleSettings
from bus.classic import announce, invalidated_user, invalidation
from bus.events import RelayedOrder, UsersChanged
from bus.secret import Secret

PEPPER = Secret("fixture-pepper-0123456789abcdef0123456789abcdef0123456789abcdef00")
SALT = Secret("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
ALICE = "aaaaaaaa1f2e3d4c5b6a7988071625344352617000000000000000000000alic"
BOB = "bbbbbbbb1f2e3d4c5b6a798807162534435261700000000000000000000000bo"
CAROL = "cccccccc1f2e3d4c5b6a7988071625344352617000000000000000000000caro"
DAVE = "dddddddd1f2e3d4c5b6a7988071625344352617000000000000000000000dave"
SECRET = "an HS256 secret of 32 bytes or more"
PING = {"action": "ping"}


def auth(key):
    return {"action": "authenticate", "api_key": key}


async def closed_with(client, seconds=1.0):
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(seconds + 2):
            await client.receive_all()
    assert time.monotonic() - began < seconds
    return closed.value.rcvd.code, closed.value.rcvd.reason


def roles(**named):
    return AccessSettings(roles=named)


# --- roles ----------------------------------------------------------------------------------


def test_symbols_that_a_role_forbids_are_told_one_by_one(proxy_bench):
    small = RoleSettings(exchanges=["NSE"], modes=["LTP", "QUOTE"], symbols=2)

    async def scenario():
        async with proxy_bench(access=roles(small=small)) as bench:
            client = await bench.connect()
            await client.ask(auth(bench.keys.create("alice", role="small")))
            symbols = ["NSE:A", "BSE:A", "NSE:B", "NSE:C"]
            reply = await client.ask({"action": "subscribe", "symbols": symbols, "mode": 1})
            assert reply["status"] == "partial"
            assert [one.get("code") for one in reply["subscriptions"]] == [
                None, "NOT_PERMITTED", None, "LIMIT_EXCEEDED",
            ]  # fmt: skip
            assert reply["subscriptions"][3]["message"] == (
                "This key may hold 2 subscriptions at a time"
            )
            reply = await client.subscribe("A", mode=3)
            assert reply["subscriptions"][0]["code"] == "NOT_PERMITTED"
            await client.ask({"action": "unsubscribe", "symbol": "A", "mode": 1})
            assert (await client.subscribe("C"))["status"] == "success"
            reply = await client.ask({"action": "subscribe_orders"})
            assert reply == {
                "status": "error",
                "code": "NOT_PERMITTED",
                "message": "This key may not have order updates",
            }
            assert bench.service.stats()["subscriptions"] == 2

    asyncio.run(scenario())


def test_100_000_symbols_get_the_limit_and_cost_no_more(proxy_bench):
    async def scenario():
        async with proxy_bench(access=roles(trader=RoleSettings(symbols=3000))) as bench:
            other = await bench.client("other")
            await other.subscribe()
            client = await bench.connect()
            await client.ask(auth(bench.keys.create("greedy")))
            bench.adapter.mute = True
            refused = 0
            for part in range(20):
                names = [f"S{number}" for number in range(5000 * part, 5000 * (part + 1))]
                reply = await client.ask({"action": "subscribe", "symbols": names, "mode": 1})
                entries = reply["subscriptions"]
                refused += sum(one.get("code") == "LIMIT_EXCEEDED" for one in entries)
                bench.adapter.tick(ltp=part)
                assert (await other.receive(1.0))["data"]["ltp"] == part
            assert refused == 97_000
            assert bench.service.stats()["topics"] == 3001

    asyncio.run(scenario())


def test_key_has_no_more_connections_than_its_role_allows(proxy_bench):
    async def scenario():
        async with proxy_bench(access=roles(one=RoleSettings(connections=1))) as bench:
            key = bench.keys.create("alice", role="one")
            first, second = await bench.connect(), await bench.connect()
            assert (await first.ask(auth(key)))["status"] == "success"
            assert (await first.ask(auth(key)))["status"] == "success"  # the same connection
            assert (await second.ask(auth(key)))["code"] == "LIMIT_EXCEEDED"
            assert (await second.ask({"action": "get_broker_info"}))["code"] == "NOT_AUTHENTICATED"
            await first.connection.close()
            await bench.until(lambda: bench.service.stats()["clients"] == 1)
            assert (await second.ask(auth(key)))["status"] == "success"
            assert bench.service.stats()["key_connections_refused_total"] == 1

    asyncio.run(scenario())


def test_another_user_on_the_same_socket_keeps_only_what_they_may_have(proxy_bench):
    async def scenario():
        async with proxy_bench(access=roles(nse=RoleSettings(exchanges=["NSE"]))) as bench:
            client = await bench.client("alice")
            await client.ask({"action": "subscribe_orders"})
            await client.ask({"action": "subscribe", "symbols": ["NSE:A", "BSE:A"], "mode": 1})
            await client.ask(auth(bench.keys.create("bob", role="nse")))
            (inside,) = bench.service._server.clients
            assert not inside.session.wants_orders
            assert inside.session.subscriptions == 1
            bench.adapter.tick("A", "BSE", ltp=1)
            bench.adapter.tick("A", "NSE", ltp=2)
            assert (await client.receive())["data"]["ltp"] == 2

    asyncio.run(scenario())


# --- the end of a credential --------------------------------------------------------------------


def test_revoked_rotated_and_expired_keys_close_their_connections_in_under_a_second(proxy_bench):
    async def scenario():
        async with proxy_bench() as bench:
            expires = int(time.time()) + 2
            clients = {}
            for name, end in [("revoked", None), ("rotated", None), ("expired", expires)]:
                clients[name] = await bench.connect()
                await clients[name].ask(auth(bench.keys.create(name, expires=end)))
            bystander = await bench.client("bystander")
            bench.keys.revoke("revoked")
            assert await closed_with(clients["revoked"]) == (4401, "key revoked")
            new = bench.keys.rotate("rotated")
            assert await closed_with(clients["rotated"]) == (4401, "key revoked")
            again = await bench.connect()
            assert (await again.ask(auth(new)))["user_id"] == "rotated"
            await asyncio.sleep(max(0.0, expires - time.time()))
            assert await closed_with(clients["expired"]) == (4401, "key expired")
            assert (await bystander.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_token_is_a_key_until_it_expires(proxy_bench):
    access = AccessSettings(jwt=JwtSettings(secret=Secret(SECRET), leeway_s=0))
    end = int(time.time()) + 2
    claims = {"sub": "erin", "exp": end, "role": "trader", "stream": {"exchanges": ["NSE"]}}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))

    async def scenario():
        async with proxy_bench(access=access) as bench:
            client = await bench.connect()
            assert (await client.ask(auth(token)))["user_id"] == "erin"
            assert (await client.subscribe("SBIN", "NSE"))["status"] == "success"
            reply = await client.subscribe("SBIN", "BSE")
            assert reply["subscriptions"][0]["code"] == "NOT_PERMITTED"
            await asyncio.sleep(max(0.0, end - time.time()))
            assert await closed_with(client) == (4401, "key expired")
            again = await bench.connect()
            assert (await again.ask(auth(token)))["code"] == "AUTHENTICATION_ERROR"

    asyncio.run(scenario())


# --- OpenAlgo's users ---------------------------------------------------------------------------


@pytest.fixture
def openalgo(tmp_path, openalgo_database):
    """A copy of its database, and the settings that name it."""
    path = tmp_path / "openalgo" / "openalgo.db"
    path.parent.mkdir()
    shutil.copy(openalgo_database, path)
    path.chmod(0o600)

    def settings(**more):
        values = {"database": str(path), "pepper": PEPPER, "fernet_salt": SALT} | more
        return AccessSettings(openalgo=OpenAlgoSettings(**values))

    def change(sql):
        with sqlite3.connect(path) as db:
            db.execute(sql)
        db.close()

    settings.change = change
    return settings


def test_users_of_the_fixture_get_the_replies_that_openalgo_gives(proxy_bench, openalgo):
    expected = {
        ALICE: {"status": "success", "broker": "zerodha", "user_id": "alice"},
        BOB: {"status": "success", "broker": "angel", "user_id": "bob_the_trader"},
        CAROL: {"code": "BROKER_ERROR", "message": "No broker configuration found for user"},
        DAVE: {"code": "BROKER_ERROR", "message": "No broker configuration found for user"},
        "nope": {"code": "AUTHENTICATION_ERROR", "message": "Invalid API key"},
    }

    async def scenario():
        async with proxy_bench(adapters=("zerodha", "angel"), access=openalgo()) as bench:
            for key, part in expected.items():
                client = await bench.connect()
                reply = await client.ask(auth(key))
                assert part.items() <= reply.items(), reply

    asyncio.run(scenario())


def test_user_without_a_broker_is_authenticated_and_may_have_orders(proxy_bench, openalgo):
    async def scenario():
        async with proxy_bench(access=openalgo(), auth_grace_s=0.3) as bench:
            client = await bench.connect()
            assert (await client.ask(auth(CAROL)))["code"] == "BROKER_ERROR"
            await asyncio.sleep(0.4)  # the grace is over, and satisfied
            reply = await client.subscribe()
            assert (reply["code"], reply["message"]) == (
                "BROKER_ERROR",
                "Broker adapter not found",
            )
            assert (await client.ask({"action": "subscribe_orders"}))["status"] == "success"
            stranger = await bench.connect()  # whose broker has no adapter here
            reply = await stranger.ask(auth(BOB))
            assert reply["message"] == "Failed to create adapter for broker: angel"

    asyncio.run(scenario())


def test_subscribe_behind_a_login_that_takes_argon2_waits_for_it_alone(proxy_bench, openalgo):
    openalgo.change("UPDATE api_keys SET api_key_encrypted = '' WHERE user_id = 'alice'")

    async def scenario():
        async with proxy_bench(access=openalgo()) as bench:
            other, client = await bench.client("other"), await bench.connect()
            await client.send(
                auth(ALICE), {"action": "subscribe", "symbol": "SBIN", "exchange": "NSE", "mode": 1}
            )
            assert (await other.ask(PING))["type"] == "pong"
            assert bench.service.stats()["subscriptions"] == 0  # still hashing
            assert (await client.receive())["user_id"] == "alice"
            assert (await client.receive())["status"] == "success"
            assert bench.service.stats()["argon2_total"] == 1

    asyncio.run(scenario())


def test_each_user_is_fed_by_the_adapter_of_their_own_broker(proxy_bench, openalgo):
    async def scenario():
        async with proxy_bench(
            adapters=("zerodha", "angel"), access=openalgo(poll_s=0.05)
        ) as bench:
            angel = type(bench.adapter)(bench.service._host.context, "angel")
            bench.service.follow([bench.adapter.entry, angel.entry])
            feeds = bench.service._subscriber.feeds
            await bench.until(lambda: len(feeds) == 2 and all(f.trusted for f in feeds))
            alice, bob = await bench.connect(), await bench.connect()
            await alice.ask(auth(ALICE))
            await bob.ask(auth(BOB))
            for client, broker in ((alice, "zerodha"), (bob, "angel")):
                ack = await client.subscribe()
                assert ack["subscriptions"][0]["broker"] == ack["broker"] == broker
            bench.adapter.tick(ltp=1)
            angel.tick(ltp=2)
            assert (await alice.receive())["data"]["ltp"] == 1
            assert (await bob.receive())["data"]["ltp"] == 2
            assert await alice.is_quiet()
            # Alice logs in to another broker: her subscriptions go with her.
            openalgo.change("UPDATE auth SET broker = 'angel' WHERE name = 'alice'")
            await bench.until(lambda: ("ZERODHA_NSE_SBIN_LTP", False) in bench.adapter.demands)
            angel.tick(ltp=3)
            push = await alice.receive()
            assert (push["data"]["ltp"], push["broker"]) == (3, "angel")
            # She logs out: nothing is taken from her, and she can log in again.
            openalgo.change("UPDATE auth SET broker = '', is_revoked = 1 WHERE name = 'alice'")
            await asyncio.sleep(0.5)
            assert (await alice.ask(PING))["type"] == "pong"
            assert bench.service.stats()["subscriptions"] == 2
            angel.publisher.close()

    asyncio.run(scenario())


def test_regenerated_key_closes_its_connections_by_polling_alone(proxy_bench, openalgo):
    async def scenario():
        async with proxy_bench(access=openalgo(poll_s=0.05)) as bench:
            client, carol = await bench.connect(), await bench.connect()
            await client.ask(auth(ALICE))
            await carol.ask(auth(CAROL))
            openalgo.change("DELETE FROM api_keys WHERE user_id = 'alice'")
            assert await closed_with(client) == (4401, "key revoked")
            assert (await carol.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_word_of_a_change_makes_the_proxy_look_at_once(proxy_bench, openalgo):
    async def scenario():
        async with proxy_bench(access=openalgo(poll_s=600.0)) as bench:
            client = await bench.connect()
            await client.ask(auth(ALICE))
            openalgo.change("DELETE FROM api_keys WHERE user_id = 'alice'")
            assert await client.is_quiet(0.4)  # nobody has said anything
            bench.adapter.event(UsersChanged())
            assert await closed_with(client) == (4401, "key revoked")
            assert bench.service.stats()["invalidations_total"] == 1

    asyncio.run(scenario())


def test_order_that_openalgo_tells_of_reaches_its_user_alone_and_as_it_is(proxy_bench, openalgo):
    update = b'{"type":"order_update","user_id":"alice","mode":"live","orderid":"7","new":[1, 2]}'

    async def scenario():
        async with proxy_bench(access=openalgo()) as bench:
            clients = {name: await bench.connect() for name in ("asked", "silent", "carol")}
            for name, client in clients.items():
                await client.ask(auth(CAROL if name == "carol" else ALICE))
                if name != "silent":
                    await client.ask({"action": "subscribe_orders"})
            bench.adapter.event(RelayedOrder("alice", msgspec.Raw(update)))
            assert await clients["asked"].connection.recv() == update.decode()
            assert await clients["silent"].is_quiet()
            assert await clients["carol"].is_quiet()

    asyncio.run(scenario())


def test_user_of_an_invalidation_is_the_payloads():
    assert invalidated_user(invalidation("bob_the_trader")) == "bob_the_trader"
    assert invalidated_user([b"NSE_SBIN_LTP", b"{}"]) is None
    assert json.loads(invalidation("a")[1]) == {
        "action": "invalidate",
        "user_id": "a",
        "cache_type": "ALL",
    }


def test_announcement_that_nobody_hears_ends_soon():
    began = time.monotonic()
    assert not announce("tcp://127.0.0.1:9", "alice", patience_s=0.1)
    assert not announce("nonsense", "alice", patience_s=0.1)
    assert time.monotonic() - began < 2.0
