"""A client's conversation without sockets: order, conditions, and what is held."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bus.events import Accepted, Rejected
from bus.frames import Frame, Kind
from bus.topics import Mode

SBIN = "ZERODHA_NSE_SBIN_LTP"


def say(session, **request):
    return session.receive(json.dumps(request))


def tick(proxy, topic=SBIN, **data):
    payload = json.dumps({"symbol": "SBIN", "exchange": "NSE", **data}, separators=(",", ":"))
    return proxy.desk.lanes.routes.deliver(
        [Frame(topic.encode(), Kind.TICK, 0, 1, 1, 0, payload.encode())]
    )


def test_receive_before_authentication_refuses_whatever_is_wrong_with_the_request(pure_proxy):
    session, inbox = pure_proxy().session(user=None)
    requests = [
        {"action": "subscribe", "symbol": "SBIN", "mode": 4},
        {"action": "subscribe"},
        {"action": "unsubscribe", "symbol": "SBIN", "mode": "zz"},
        {"action": "unsubscribe_all"},
        {"action": "subscribe_orders"},
        {"action": "get_broker_info"},
    ]
    for request in requests:
        say(session, **request)
    assert inbox.take() == [
        {"status": "error", "code": "NOT_AUTHENTICATED", "message": "You must authenticate first"}
    ] * len(requests)


def test_receive_when_keys_cannot_be_read_says_so_and_keeps_the_secret(pure_proxy, caplog):
    proxy = pure_proxy()
    session, inbox = proxy.session(user=None)
    proxy.say(session, action="auth", api_key="broken")
    assert inbox.take()[0]["code"] == "SERVER_ERROR"
    assert "broken" not in caplog.text


def test_failed_authentication_keeps_the_identity_that_was(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session("alice")
    proxy.say(session, action="auth", api_key="wrong")
    assert inbox.take()[0]["code"] == "AUTHENTICATION_ERROR"
    assert session.identity.user == "alice"


def test_subscribe_is_answered_at_once_when_no_adapter_is_there(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    assert say(session, action="subscribe", symbol="SBIN", mode=1) is None
    assert inbox.take()[0]["status"] == "success"
    assert proxy.bus.wanted == {f"{SBIN}\0".encode(): "zerodha"}


def test_subscribe_waits_for_every_answer_and_tells_the_truth(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, inbox = proxy.session()
    waiting = say(session, action="subscribe", symbols=["SBIN", "BAD", "SBIN"], mode="ltp")
    told = []
    waiting.on_answered = lambda: told.append(True)
    proxy.desk.demand.note(Accepted(SBIN))
    assert not told
    proxy.desk.demand.note(Rejected("ZERODHA_NSE_BAD_LTP", "SYMBOL_NOT_FOUND", "no such symbol"))
    assert told == [True]
    session.settle(waiting)
    (ack,) = inbox.take()
    assert [entry["status"] for entry in ack["subscriptions"]] == ["success", "error", "success"]
    assert session.subscriptions == 1
    assert list(proxy.bus.wanted) == [f"{SBIN}\0".encode()]
    # Known by now: answered at once.
    other, other_inbox = proxy.session("bob")
    assert say(other, action="subscribe", symbol="SBIN", mode=1) is None
    assert other_inbox.take()[0]["status"] == "success"


def test_two_clients_waiting_for_one_rejected_symbol_both_learn_it(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    sessions = [proxy.session("alice"), proxy.session("bob")]
    waiting = [say(session, action="subscribe", symbol="BAD", mode=1) for session, _ in sessions]
    proxy.desk.demand.note(Rejected("ZERODHA_NSE_BAD_LTP", "LIMIT_EXCEEDED", "3000 symbols"))
    for (session, inbox), subscribing in zip(sessions, waiting, strict=True):
        session.settle(subscribing)
        entry = inbox.take()[0]["subscriptions"][0]
        assert (entry["code"], entry["message"]) == ("LIMIT_EXCEEDED", "3000 symbols")
    assert proxy.bus.wanted == {}


def test_symbol_rejected_after_its_acknowledgement_is_told_at_the_next_subscribe(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    say(session, action="subscribe", symbol="SBIN", mode=1)
    proxy.desk.demand.note(Rejected(SBIN, "BROKER_REFUSED", "no"))
    inbox.take()
    say(session, action="subscribe", symbol="SBIN", mode=1)
    assert inbox.take()[0]["subscriptions"][0]["code"] == "BROKER_REFUSED"
    assert session.subscriptions == 0
    assert proxy.bus.wanted == {}


def test_subscribing_twice_is_idempotent(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    for _ in range(2):
        say(session, action="subscribe", symbol="SBIN", mode=1)
    assert [ack["status"] for ack in inbox.take()] == ["success", "success"]
    tick(proxy, ltp=1)
    assert len(inbox.take()) == 1
    say(session, action="unsubscribe", symbol="SBIN")
    assert proxy.bus.wanted == {}


def test_each_held_mode_gets_its_own_topic(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    for mode in Mode:
        say(session, action="subscribe", symbol="SBIN", mode=int(mode))
    inbox.take()
    for mode in Mode:
        tick(proxy, f"ZERODHA_NSE_SBIN_{mode.name}", ltp=int(mode))
    assert [push["mode"] for push in inbox.take()] == [1, 2, 3]


def test_entries_that_cannot_be_are_told_one_by_one(pure_proxy):
    session, inbox = pure_proxy().session()
    entries = [
        {"symbol": "SBIN", "exchange": "MOON"},
        {"symbol": "S B", "exchange": "NSE"},
        {"symbol": "TCS", "exchange": "NSE", "mode": 9},
        {"symbol": "ITC", "exchange": "NSE", "mode": "Depth"},
        {"exchange": "NSE"},
    ]
    say(session, action="subscribe", symbols=entries, mode=1, request_id={"a": [1, None]})
    (ack,) = inbox.take()
    assert [entry.get("code") for entry in ack["subscriptions"]] == [
        "SYMBOL_NOT_FOUND", "SYMBOL_NOT_FOUND", "INVALID_MODE", None,
    ]  # fmt: skip
    assert ack["subscriptions"][3]["mode"] == "Depth"
    assert ack["request_id"] == {"a": [1, None]}
    assert list(ack)[-1] == "request_id"


def test_unsubscribe_all_names_everything_held_in_order(pure_proxy):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    say(session, action="subscribe", symbols=["SBIN", "tcs", "ITC"], mode=2)
    say(session, action="subscribe", symbol="SBIN", mode=1)
    inbox.take()
    say(session, type="unsubscribe_all")
    (ack,) = inbox.take()
    assert [entry["symbol"] for entry in ack["successful"]] == ["SBIN", "tcs", "ITC", "SBIN"]
    assert ack["type"] == "unsubscribe"
    assert (session.subscriptions, proxy.bus.wanted) == (0, {})


def test_close_while_waiting_leaves_nothing_behind(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, _ = proxy.session()
    say(session, action="subscribe", symbol="SBIN", mode=1)
    session.close()
    assert proxy.bus.wanted == {}
    assert proxy.desk.lanes.count == 0


def test_new_generation_is_waited_for_again(pure_proxy):
    proxy = pure_proxy()
    proxy.present()
    session, _ = proxy.session()
    waiting = say(session, action="subscribe", symbol="SBIN", mode=1)
    session.settle(waiting)  # in vain: the adapter counts as silent now
    assert say(session, action="subscribe", symbol="TCS", mode=1) is None
    proxy.desk.feeds.heard("zerodha")
    assert say(session, action="subscribe", symbol="ITC", mode=1) is not None


def test_orders_wish_is_kept_and_acknowledged(pure_proxy):
    session, inbox = pure_proxy().session()
    say(session, action="subscribe_orders", request_id="orders-1")
    assert session.wants_orders
    say(session, action="unsubscribe_orders")
    assert not session.wants_orders
    assert inbox.take() == [
        {
            "type": "subscribe_orders",
            "status": "success",
            "message": "Subscribed to order updates",
            "request_id": "orders-1",
        },
        {
            "type": "unsubscribe_orders",
            "status": "success",
            "message": "Unsubscribed from order updates",
        },
    ]


WORDS = st.sampled_from(["SBIN", "sbin ", "NSE:TCS", "ITC.BSE", "BAD:50", "", "\x00", "ß", "😀"])
MODES = st.sampled_from([None, 1, 2, 3, 4, "ltp", "Depth", "all", True, 2.0, [], {}])
REQUESTS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(
            ["subscribe", "unsubscribe", "unsubscribe_all", "auth", "ping", "get_broker_info"]
        )
    },
    optional={
        "symbols": st.lists(
            st.one_of(
                WORDS,
                st.fixed_dictionaries(
                    {"symbol": WORDS, "exchange": WORDS}, optional={"mode": MODES}
                ),
            ),
            max_size=4,
        ),
        "symbol": WORDS,
        "mode": MODES,
        "depth": st.integers() | st.text(max_size=3),
        "request_id": st.integers() | st.text(max_size=3),
        "api_key": st.sampled_from(["key-alice", "wrong", "", None, 5]),
    },
)


@given(requests=st.lists(REQUESTS, max_size=12))
def test_any_conversation_gets_one_reply_per_request_and_leaves_nothing_behind(
    pure_proxy, requests
):
    proxy = pure_proxy()
    session, inbox = proxy.session()
    for request in requests:
        waiting = proxy.say(session, **request)
        assert waiting is None
        (reply,) = inbox.take()
        assert "type" in reply or list(reply) == ["status", "code", "message"]
    held = session.subscriptions
    assert len(proxy.bus.wanted) <= held
    session.close()
    assert proxy.bus.wanted == {}
    assert proxy.desk.lanes.count == 0
