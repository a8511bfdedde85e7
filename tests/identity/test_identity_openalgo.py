"""OpenAlgo's own database as an authority, on a copy of one that its own code wrote."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time

import pytest

from bus.access import OpenAlgoSettings
from bus.clock import SystemClock
from bus.secret import Secret
from identity.authority import BusyError, Identity, IdentityError, Slow
from identity.openalgo import OpenAlgoUsers
from identity.openalgo_secrets import OpenAlgoSecrets
from identity.recent import Recent
from identity.scopes import Roles

PEPPER = Secret("fixture-pepper-0123456789abcdef0123456789abcdef0123456789abcdef00")
SALT = Secret("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")
KEYS = {
    "alice": "aaaaaaaa1f2e3d4c5b6a7988071625344352617000000000000000000000alic",
    "bob_the_trader": "bbbbbbbb1f2e3d4c5b6a798807162534435261700000000000000000000000bo",
    "carol": "cccccccc1f2e3d4c5b6a7988071625344352617000000000000000000000caro",
    "dave": "dddddddd1f2e3d4c5b6a7988071625344352617000000000000000000000dave",
}
LEGACY_TOKEN = (
    "gAAAAABrAU8O5d6-Mx2Ph0w8K6ANMYn7_xF5F4fQp6eD6l_JgEW5n80IbMa5ZqoI1ZlwgkusVi3vlhn2KAdf25BYR45"
    "GUAxVoJIn9jThcZ6YbePwmY4DEeE="
)


@pytest.fixture
def database(tmp_path, openalgo_database):
    path = tmp_path / "openalgo" / "openalgo.db"
    path.parent.mkdir()
    shutil.copy(openalgo_database, path)
    path.chmod(0o600)
    return path


@pytest.fixture
def users(database):
    """`async` scenario with an authority that has looked once."""

    def run(scenario, **settings):
        async def main():
            values = {"database": str(database), "pepper": PEPPER, "fernet_salt": SALT} | settings
            authority = OpenAlgoUsers(
                OpenAlgoSettings(**values), Roles().get("trader"), SystemClock()
            )
            try:
                await authority.look()
                await scenario(authority)
            finally:
                authority.close()

        asyncio.run(main())

    return run


def change(path, sql, *values):
    with sqlite3.connect(path) as db:
        db.execute(sql, values)
    db.close()


async def who(authority, credential):
    answer = authority.verify(credential)
    return await answer.run() if isinstance(answer, Slow) else answer


@pytest.mark.parametrize(
    ("user", "broker"),
    [("alice", "zerodha"), ("bob_the_trader", "angel"), ("carol", ""), ("dave", "")],
)
def test_each_user_of_the_fixture_has_the_broker_that_openalgo_says(users, user, broker):
    async def scenario(authority):
        identity = authority.verify(KEYS[user])
        assert isinstance(identity, Identity)
        assert (identity.user, identity.broker) == (user, broker)
        assert KEYS[user] not in repr(identity)

    users(scenario)


@pytest.mark.parametrize("key", ["nope", "", "x" * 5000, "\ud800", KEYS["alice"].upper()])
def test_any_other_key_is_nobody_and_costs_no_argon2(users, key):
    async def scenario(authority):
        assert authority.verify(key) is None
        assert authority.argon2_total == 0

    users(scenario)


def test_row_that_does_not_decrypt_is_verified_with_argon2_once(users, database, caplog):
    change(
        database, "UPDATE api_keys SET api_key_encrypted = 'gAAAAA' WHERE user_id IN ('alice', 'x')"
    )

    async def scenario(authority):
        assert "user 'alice' does not decrypt" in caplog.text
        assert (await who(authority, KEYS["alice"])).user == "alice"
        assert authority.argon2_total == 1
        assert isinstance(authority.verify(KEYS["alice"]), Identity)  # at once now
        assert await who(authority, "nope") is None
        assert authority.argon2_total == 2
        assert authority.verify("nope") is None  # at once now, too
        assert authority.verify(KEYS["dave"]).user == "dave"
        assert KEYS["alice"] not in caplog.text

    users(scenario)


def test_argon2_leaves_the_event_loop_alone_and_one_key_is_checked_once(users, database):
    change(database, "UPDATE api_keys SET api_key_encrypted = ''")

    async def scenario(authority):
        laps, longest = 0, 0.0
        tasks = [asyncio.create_task(who(authority, KEYS["dave"])) for _ in range(20)]
        while not all(task.done() for task in tasks):
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest, laps = max(longest, time.perf_counter() - began), laps + 1
        assert {task.result().user for task in tasks} == {"dave"}
        assert authority.argon2_total == 4  # four rows, whoever asked
        assert laps > 20, f"the loop was held up for {longest:.3f} s"

    users(scenario)


def test_more_unknown_keys_than_may_wait_are_refused_for_now(users, database):
    change(database, "UPDATE api_keys SET api_key_encrypted = '' WHERE user_id = 'alice'")

    async def scenario(authority):
        asked = [asyncio.create_task(who(authority, f"wrong {n}")) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await who(authority, "one too many")
        assert (await who(authority, KEYS["dave"])).user == "dave"
        assert await asyncio.gather(*asked) == [None, None, None]

    users(scenario, argon2_queue=3)


def test_regenerated_key_is_worth_nothing_from_the_next_look_on(users, database):
    async def scenario(authority):
        before = authority.verify(KEYS["alice"])
        assert authority.changed()
        await authority.look()
        assert not authority.changed()
        change(
            database,
            "UPDATE api_keys SET api_key_hash = (SELECT api_key_hash FROM api_keys WHERE id = 2),"
            " api_key_encrypted = (SELECT api_key_encrypted FROM api_keys WHERE id = 2)"
            " WHERE user_id = 'alice'",
        )
        assert authority.renew(before) == before
        await authority.look()
        assert authority.changed()
        assert authority.renew(before) is None
        assert authority.verify(KEYS["alice"]) is None

    users(scenario)


def test_cached_argon2_key_that_was_regenerated_is_forgotten(users, database):
    change(database, "UPDATE api_keys SET api_key_encrypted = ''")

    async def scenario(authority):
        before = await who(authority, KEYS["alice"])
        other = OpenAlgoSecrets(PEPPER, SALT)
        new = other._hasher.hash("another key" + PEPPER.reveal())
        change(database, "UPDATE api_keys SET api_key_hash = ? WHERE user_id = 'alice'", new)
        await authority.look()
        assert authority.renew(before) is None
        assert await who(authority, KEYS["alice"]) is None
        assert (await who(authority, "another key")).user == "alice"

    users(scenario)


def test_logout_and_login_change_the_broker_and_keep_the_identity(users, database):
    async def scenario(authority):
        identity = authority.verify(KEYS["alice"])
        change(database, "UPDATE auth SET broker = '', auth = '', is_revoked = 1 WHERE id = 1")
        await authority.look()
        assert authority.renew(identity).broker == ""
        change(database, "UPDATE auth SET broker = 'angel', is_revoked = 0 WHERE id = 1")
        await authority.look()
        renewed = authority.renew(identity)
        assert (renewed.broker, renewed.credential) == ("angel", identity.credential)

    users(scenario)


def test_database_that_goes_away_or_is_replaced_is_followed(
    users, database, openalgo_database, tmp_path, caplog
):
    async def scenario(authority):
        identity = authority.verify(KEYS["alice"])
        backup = tmp_path / "backup.db"
        shutil.copy(openalgo_database, backup)
        backup.chmod(0o600)
        change(backup, "DELETE FROM api_keys WHERE user_id = 'alice'")
        database.unlink()
        await authority.look()
        await authority.look()
        assert caplog.text.count("holds on") == 1
        assert authority.renew(identity) == identity
        backup.rename(database)
        await authority.look()
        assert authority.renew(identity) is None
        assert authority.verify(KEYS["dave"]).user == "dave"

    users(scenario)


def test_database_that_never_was_is_an_error_and_not_a_wrong_key(users, tmp_path):
    async def scenario(authority):
        with pytest.raises(IdentityError, match=r"nowhere\.db"):
            authority.verify(KEYS["alice"])

    users(scenario, database=str(tmp_path / "nowhere.db"))


def test_database_of_something_else_or_with_missing_columns_does_no_harm(users, tmp_path):
    path = tmp_path / "old.db"
    change(path, "CREATE TABLE api_keys (user_id TEXT, api_key_hash TEXT)")
    change(path, "INSERT INTO api_keys VALUES ('old', '$argon2id$broken')")
    change(path, "CREATE TABLE auth (name TEXT, broker TEXT)")

    async def scenario(authority):
        assert await who(authority, "anything") is None

    users(scenario, database=str(path))


def test_reading_writes_nothing_and_waits_for_no_writer(users, database):
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE auth SET broker = 'dhan' WHERE id = 1")
    try:

        async def scenario(authority):
            assert authority.verify(KEYS["alice"]).broker == "zerodha"
            writer.execute("COMMIT")
            await authority.look()
            assert authority.verify(KEYS["alice"]).broker == "dhan"

        users(scenario)
    finally:
        writer.close()


def test_tokens_decrypt_with_the_salt_else_with_the_old_one():
    assert OpenAlgoSecrets(PEPPER, SALT).decrypt(LEGACY_TOKEN) == "legacy-salt-token"
    assert OpenAlgoSecrets(PEPPER, Secret("zz" * 20)).decrypt(LEGACY_TOKEN) == "legacy-salt-token"
    other = OpenAlgoSecrets(Secret("another pepper, of 32 characters or more"), SALT)
    assert other.decrypt(LEGACY_TOKEN) is None
    assert other.decrypt("") is None


def test_recent_forgets_the_oldest_and_what_is_old():
    recent: Recent[int] = Recent(2, 10.0)
    recent.put(b"a", 1, 0.0)
    recent.put(b"b", 2, 1.0)
    recent.put(b"a", 3, 2.0)
    recent.put(b"c", 4, 3.0)
    assert [recent.get(key, 4.0) for key in (b"a", b"b", b"c")] == [3, None, 4]
    assert recent.get(b"a", 12.0) is None
    assert len(recent) == 1
