"""The pure rules of who gets in: throttles, headers, the waiting room, rights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bus.access import RoleSettings
from bus.settings import AdapterEntry
from bus.topics import Mode
from identity.authority import Identity
from identity.headers import Origins, Proxies, address_key
from identity.scopes import Roles
from identity.throttle import MAX_ADDRESSES, Bucket, Buckets, FailedLogins
from proxy.clients.rights import Rights
from proxy.clients.subscriptions import Subscription
from proxy.entrance.presence import Presence
from proxy.entrance.waiting import WaitingRoom
from proxy.protocol.requests import Instrument
from proxy.routing.rules import Routing


def somebody(role=None, **fields):
    scopes = Roles({"r": role or RoleSettings()}).get("r")
    return Identity(user="alice", credential="key:1", name="laptop", scopes=scopes, **fields)


# --- throttle -----------------------------------------------------------------------------


def test_bucket_lets_a_burst_through_then_its_rate():
    bucket = Bucket(rate=2.0, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.4)
    assert bucket.take(100.6)
    assert [bucket.take(200.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_bucket_never_lets_more_through_than_burst_and_rate(pauses):
    bucket, now, let_through = Bucket(rate=3.0, burst=5), 10.0, 0
    for pause in pauses:
        now += pause
        let_through += bucket.take(now)
    assert let_through <= 5 + 3.0 * (now - 10.0) + 1e-6


def test_buckets_are_one_per_address_and_forget_the_longest_quiet():
    buckets = Buckets(rate=0.001, burst=1)
    assert buckets.take("a", 0.0)
    assert not buckets.take("a", 0.0)
    for number in range(MAX_ADDRESSES):
        assert buckets.take(str(number), 0.0)
    assert buckets.take("a", 0.0)  # forgotten: memory is bounded


def test_failed_logins_wait_twice_as_long_each_time_up_to_a_bound():
    logins = FailedLogins(free=2, delay_s=0.25, delay_max_s=4.0, memory_s=600.0)
    assert logins.delay("a", 0.0) == 0.0
    assert [logins.failed("a", 0.0) for _ in range(9)] == [0, 0, 0.25, 0.5, 1, 2, 4, 4, 4]
    assert logins.delay("a", 1.0) == 4.0
    assert logins.failed("b", 0.0) == 0.0
    assert logins.delay("a", 600.0) == 0.0
    assert logins.failed("a", 600.0) == 0.0


def test_failed_logins_of_ever_new_addresses_take_bounded_memory():
    logins = FailedLogins(free=0, delay_s=1.0, delay_max_s=1.0, memory_s=600.0)
    for number in range(2 * MAX_ADDRESSES):
        logins.failed(str(number), 0.0)
    assert len(logins._failures) == MAX_ADDRESSES


# --- headers ------------------------------------------------------------------------------

LISTED = Origins(["https://trade.example.com", "chrome-extension://abc"], ["stream.lan"])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),  # native clients
        ("http://localhost:5000", True),
        ("http://127.0.0.1:5000", True),
        ("https://[::1]:8443", True),
        ("http://app.localhost", True),
        ("https://trade.example.com", True),
        ("HTTPS://Trade.Example.com", True),
        ("chrome-extension://abc", True),
        ("https://trade.example.com:444", False),
        ("http://trade.example.com", False),
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://evil.example/http://localhost", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("http://127.0.0.1@evil.example", False),
    ],
)
def test_pages_of_strangers_are_told_from_ours(origin, allowed):
    assert LISTED.allows_origin(origin) is allowed


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        (None, True),
        ("127.0.0.1:8765", True),
        ("[::1]:8765", True),
        ("localhost:8765", True),
        ("192.168.1.7:8765", True),  # an address cannot be rebound
        ("stream.lan:8765", True),
        ("trade.example.com", True),  # named by an origin
        ("evil.example:8765", False),
        ("127.0.0.1.nip.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_names_that_are_not_ours_are_not_served(host, allowed):
    assert LISTED.allows_host(host) is allowed


def test_star_allows_everything_and_null_must_be_listed():
    assert Origins(["*"], ["*"]).allows_origin("https://evil.example")
    assert Origins(["*"], ["*"]).allows_host("evil.example")
    assert Origins(["null"], []).allows_origin("null")


@given(st.text(), st.text())
def test_any_header_is_answered(origin, host):
    LISTED.allows_origin(origin)
    LISTED.allows_host(host)
    address_key(host)
    Proxies(["127.0.0.1"]).source(origin, [host])


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9, 10.0.0.5"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, garbage"], "127.0.0.1"),
        ("203.0.113.1", ["127.0.0.1"], "203.0.113.1"),  # who is no proxy is not believed
    ],
)
def test_forwarded_addresses_count_only_from_trusted_proxies(peer, forwarded, source):
    assert Proxies(["127.0.0.1", "10.0.0.0/8"]).source(peer, forwarded) == source


def test_addresses_of_one_customer_count_as_one():
    assert address_key("2001:db8:1:2:3::4") == address_key("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("fe80::1%eth0") == "fe80::/64"


# --- the waiting room -----------------------------------------------------------------------


def test_newcomer_gets_in_and_the_oldest_of_the_biggest_crowd_goes():
    room: WaitingRoom[str] = WaitingRoom(4)
    for who in ("a1", "b1", "b2", "b3"):
        assert room.enter(who, who[0]) is None
    assert room.enter("a2", "a") == "b1"
    room.leave("b2")
    room.leave("b2")
    assert room.enter("c1", "c") is None
    assert room.enter("c2", "c") == "a1"
    assert (len(room), room.evicted_total) == (4, 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=80))
def test_waiting_room_is_never_fuller_than_its_limit(steps):
    room: WaitingRoom[int] = WaitingRoom(3)
    inside: set[int] = set()
    for coming, who in steps:
        if coming and who not in inside:
            inside.add(who)
            inside.discard(room.enter(who, str(who % 2)))
        elif not coming:
            room.leave(who)
            inside.discard(who)
        assert len(room) == len(inside) <= 3


# --- rights -----------------------------------------------------------------------------------

ROUTING = Routing([AdapterEntry("kite", "zerodha"), AdapterEntry("smart", "angel")])
SBIN = Subscription("NSE", "SBIN", Mode.QUOTE, Instrument("SBIN", "NSE"))


def test_adapters_are_those_of_the_users_broker_and_role():
    def routed(**fields):
        return [one.name for one in Rights(ROUTING, somebody(**fields)).routing.adapters]

    assert routed() == ["kite", "smart"]
    assert routed(broker="angel") == ["smart"]
    assert routed(broker="dhan") == []
    assert routed(broker="") == []
    assert routed(role=RoleSettings(adapters=["kite"])) == ["kite"]
    assert routed(role=RoleSettings(adapters=["kite"]), broker="angel") == []


def test_why_nobody_feeds_is_said_in_the_words_that_clients_know():
    assert Rights(ROUTING, somebody(broker="")).no_feed == "No broker configuration found for user"
    assert Rights(ROUTING, somebody(broker="dhan")).no_feed == (
        "Failed to create adapter for broker: dhan"
    )
    assert Rights(ROUTING, somebody(broker="angel")).broker == "angel"


def test_what_may_be_held_depends_on_role_and_number():
    rights = Rights(ROUTING, somebody(RoleSettings(exchanges=["NSE"], symbols=2)))
    assert rights.may_hold(SBIN, 1) is None
    assert rights.may_hold(SBIN, 2).code == "LIMIT_EXCEEDED"
    assert rights.may_hold(SBIN._replace(exchange="BSE"), 0).code == "NOT_PERMITTED"
    assert Rights(ROUTING, None).may_hold(SBIN, 0).code == "NOT_AUTHENTICATED"
    assert not rights.orders
    assert Rights(ROUTING, somebody(RoleSettings(orders=True))).orders


def test_orders_of_an_account_are_its_users_alone_where_the_user_is_named():
    routing = Routing([AdapterEntry("kite", "zerodha", "alice"), AdapterEntry("smart", "angel")])
    may = RoleSettings(orders=True)
    alice = Rights(routing, somebody(may))
    bob = Rights(routing, structs.replace(somebody(may), user="bob"))
    assert [one.account("kite") is not None for one in (alice, bob)] == [True, False]
    assert [one.account("smart") is not None for one in (alice, bob)] == [True, True]
    assert alice.account("none") is None
    assert Rights(routing, somebody()).account("kite") is None
    assert Rights(routing, None).account("kite") is None


def test_presence_counts_connections_per_credential():
    presence = Presence()
    one = somebody(RoleSettings(connections=2))
    assert [presence.enter(one) for _ in range(3)] == [True, True, False]
    presence.leave(one)
    assert presence.enter(one)
    assert presence.refused_total == 1
