"""API keys: made once, shown once, kept as hashes, revoked for good."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.access import RoleSettings
from identity.api_key import KeyExistsError, KeyNameError, KeysError, KeyUnknownError
from identity.key_file import open_key_file
from identity.keys import KeyStore
from identity.scopes import Roles


class Clock:
    def __init__(self):
        self.seconds = 1_700_000_000

    def monotonic(self):
        return float(self.seconds)

    def unix_ns(self):
        return self.seconds * 1_000_000_000


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "keys.sqlite3"


@pytest.fixture
def store(path, clock):
    with KeyStore(path, clock) as store:
        yield store


def test_create_returns_a_key_that_verifies_and_is_stored_only_as_a_hash(store, path):
    key = store.create("alice")
    assert len(key) == 64
    assert set(key) <= set(string.hexdigits.lower())
    assert store.verify(key).user == "alice"
    store.close()
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert key.encode() not in content
        assert bytes.fromhex(key) not in content


def test_files_are_private(store, path):
    store.create("alice")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_file_with_loose_rights_is_tightened(path):
    path.parent.mkdir()
    path.touch(0o644)
    with KeyStore(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("key", ["", "wrong", "0" * 64, "x" * 100_000, "\ud800", "é"])
def test_verify_with_other_text_is_nobody(store, key):
    store.create("alice")
    assert store.verify(key) is None


def test_list_shows_every_key_with_its_times(store, clock):
    store.create("alice")
    clock.seconds += 10
    key = store.create("bob")
    clock.seconds += 10
    store.verify(key)
    store.save_use()
    store.revoke("alice")
    alice, bob = store.list()
    assert (alice.name, alice.created, alice.last_used, alice.revoked) == (
        "alice", 1_700_000_000, None, 1_700_000_020,
    )  # fmt: skip
    assert (bob.name, bob.last_used, bob.revoked) == ("bob", 1_700_000_020, None)


def test_use_is_written_once_a_minute_at_most(store, clock):
    key = store.create("alice")
    for _ in range(70):
        store.verify(key)
        store.save_use()
        clock.seconds += 1
    assert store.list()[0].last_used == 1_700_000_060


def test_create_twice_is_refused_until_the_first_is_revoked(store):
    old = store.create("alice")
    with pytest.raises(KeyExistsError, match="'alice'"):
        store.create("alice")
    store.revoke("alice")
    new = store.create("alice")
    assert store.verify(old) is None
    assert store.verify(new).user == "alice"
    assert [key.revoked is None for key in store.list()] == [False, True]


def test_revoke_of_an_unknown_or_revoked_name_is_refused(store):
    with pytest.raises(KeyUnknownError, match="'nobody'"):
        store.revoke("nobody")
    store.create("alice")
    store.revoke("alice")
    with pytest.raises(KeyUnknownError):
        store.revoke("alice")


@pytest.mark.parametrize("name", ["", " alice", "a\nb", "a" * 65, "\x1b[31m"])
def test_create_with_a_bad_name_is_refused(store, name):
    with pytest.raises(KeyNameError):
        store.create(name)


def test_another_process_sees_changes_cheaply_and_once(store, path):
    with KeyStore(path) as proxy:
        assert proxy.changed()
        assert not proxy.changed()
        key = store.create("alice")
        identity = proxy.verify(key)
        assert identity.user == "alice"
        assert proxy.changed()  # though `verify` had to look already
        assert proxy.renew(identity) == identity
        store.revoke("alice")
        assert proxy.changed()
        assert proxy.renew(identity) is None
        assert proxy.verify(key) is None


def test_rotated_key_ends_only_what_the_old_one_opened(store):
    old = store.verify(store.create("alice"))
    store.revoke("alice")
    new = store.verify(store.create("alice"))
    assert store.changed()
    assert (store.renew(old), store.renew(new)) == (None, new)


def test_open_of_something_else_is_a_clear_error(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it is long enough to look like one" * 20)
    with pytest.raises(KeysError, match=r"keys\.sqlite3: file is not a database"):
        KeyStore(path)


def test_open_where_nothing_can_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KeysError, match="key store"):
        KeyStore(tmp_path / "file" / "keys.sqlite3")


def test_reading_does_not_wait_for_a_writer(store, path):
    key = store.create("alice")
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        assert store.verify(key).user == "alice"
    finally:
        writer.close()


@given(names=st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=6))
def test_any_name_makes_a_key_or_a_typed_error(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("keys") / "keys.sqlite3"
    with KeyStore(path) as store:
        made = {}
        for name in names:
            try:
                made[store.create(name)] = name
            except (KeyNameError, KeyExistsError):
                continue
        assert {key: store.verify(key).user for key in made} == made


def test_expired_key_is_nobody_from_its_second_on(store, clock):
    key = store.create("alice", expires=clock.seconds + 10)
    identity = store.verify(key)
    assert identity.expires == clock.seconds + 10
    clock.seconds += 9
    assert store.renew(identity) == identity
    clock.seconds += 1
    assert store.verify(key) is None
    assert store.renew(identity) is None
    assert store.list()[0].expires == clock.seconds


def test_rotate_makes_a_successor_with_role_and_user_and_ends_the_old_one(store):
    old_key = store.create("laptop", user="alice", role="viewer")
    old = store.verify(old_key)
    new_key = store.rotate("laptop")
    new = store.verify(new_key)
    assert store.verify(old_key) is None
    assert store.renew(old) is None
    assert (new.user, new.name, new.scopes) == ("alice", "laptop", old.scopes)
    assert [key.role for key in store.list()] == ["viewer", "viewer"]


def test_rotate_with_overlap_keeps_both_keys_good_for_so_long(store, clock):
    old_key = store.create("laptop")
    new_key = store.rotate("laptop", overlap_s=60)
    old = store.verify(old_key)
    assert old.expires == clock.seconds + 60
    assert store.verify(new_key).expires is None
    clock.seconds += 60
    assert store.renew(old) is None
    assert store.verify(old_key) is None
    assert store.verify(new_key).user == "laptop"


def test_revoke_ends_a_predecessor_that_overlaps_too(store):
    old_key = store.create("laptop")
    new_key = store.rotate("laptop", overlap_s=3600)
    assert store.revoke("laptop") == "laptop"
    assert (store.verify(old_key), store.verify(new_key)) == (None, None)


def test_rotate_of_an_unknown_name_changes_nothing(store):
    with pytest.raises(KeyUnknownError):
        store.rotate("nobody")
    assert store.create("nobody")


def test_key_whose_role_the_configuration_knows_no_more_is_nobody(path, clock, caplog):
    with KeyStore(path, clock, Roles({"old": RoleSettings(symbols=3)})) as store:
        key = store.create("alice", role="old")
        assert store.verify(key).scopes.symbols == 3
    with KeyStore(path, clock) as store:
        assert store.verify(key) is None
    assert "role 'old'" in caplog.text


def test_file_of_the_first_version_is_upgraded_and_its_keys_go_on(path):
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE api_keys (id INTEGER PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL "
        "UNIQUE, created INTEGER NOT NULL, last_used INTEGER, revoked INTEGER)"
    )
    digest = hashlib.sha256(b"the key").digest()
    db.execute("INSERT INTO api_keys (name, digest, created) VALUES ('alice', ?, 1)", (digest,))
    db.commit()
    db.close()
    with KeyStore(path) as store:
        identity = store.verify("the key")
        assert (identity.user, identity.scopes) == ("alice", Roles().get("trader"))
        assert store.list()[0].role == "trader"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_processes_that_begin_together_on_a_new_file_all_open_it(tmp_path):
    for number in range(40):
        path = tmp_path / f"keys{number}.db"
        together = time.monotonic() + 0.01
        assert [*ended(path, together, children=6)] == [0] * 6


def ended(path, together, children):
    """The exit codes of forks of us that open the file in the same moment."""
    pids = []
    for _ in range(children):
        pid = os.fork()
        if pid == 0:
            try:
                while time.monotonic() < together:
                    pass
                open_key_file(path).close()
            except sqlite3.Error:
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    return (os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
