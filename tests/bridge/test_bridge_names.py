"""Subjects and stamps are inverse to topics and frames."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge import stamps
from bridge.errors import SubjectError
from bridge.origins import Origin, name_of
from bridge.subjects import Subjects, escape, unescape
from bus.errors import TopicError
from bus.frames import Frame, Kind
from bus.topics import EXCHANGES, Mode, Topic

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
symbols = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf", "Cn", "Co"]),
    min_size=1,
    max_size=64,
)
adapters = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
prefixes = st.from_regex(r"[A-Za-z0-9_-]{1,5}(\.[A-Za-z0-9_-]{1,5}){0,2}", fullmatch=True)


@given(texts)
def test_any_text_is_one_token_and_comes_back(text):
    token = escape(text)
    assert unescape(token) == text
    assert token.isascii()
    assert not set(token) & set(" .*>\r\n\t\0")


@given(texts, texts)
def test_two_texts_are_two_tokens(one, other):
    assert (escape(one) == escape(other)) == (one == other)


@given(st.text(max_size=30))
def test_what_is_no_token_of_ours_is_refused(token):
    try:
        text = unescape(token)
    except SubjectError:
        return
    assert escape(text) == token


@given(prefixes, adapters, st.sampled_from(EXCHANGES), symbols, st.sampled_from(Mode))
def test_topics_cross_and_come_back(prefix, adapter, exchange, symbol, mode):
    try:
        topic = Topic.make(adapter, exchange, symbol, mode)
    except TopicError:
        assume(False)
    subjects = Subjects(prefix)
    place = subjects.parse(subjects.tick(adapter, topic))
    assert place.kind == "tick"
    assert place.adapter == adapter
    assert place.topic(adapter) == topic
    assert place.topic("far-away").broker == "FAR-AWAY"
    origin = Origin(adapter, 60.0)
    assert origin.wire(name_of(topic)) == topic.wire
    for kind in ("event", "order"):
        assert subjects.parse(getattr(subjects, kind)(adapter)).kind == kind


@pytest.mark.parametrize(
    "subject",
    [
        "md.zerodha.NSE.SBIN",
        "md.zerodha.NSE.SBIN.OHLC",
        "md.zerodha.NOWHERE.SBIN.LTP",
        "md.Zerodha.NSE.SBIN.LTP",
        "md.zerodha.NSE.SB%49N.LTP",
        "md.zerodha.NSE.INDEX_X.LTP",
        "mdx.zerodha.event",
        "md.zerodha.other",
        "",
    ],
)
def test_other_subjects_are_refused(subject):
    with pytest.raises(SubjectError):
        Subjects("md").parse(subject)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 1),
    texts,
)
def test_stamps_cross_and_come_back(generation, sequence, received_ns, flags, symbol):
    frame = Frame(b"X", Kind.TICK, flags, generation, sequence, received_ns, b"{}")
    headers = {stamps.MSG_ID: stamps.message_id(escape(symbol), frame)}
    if flags:
        headers[stamps.FLAGS] = str(flags)
    assert stamps.read(headers) == (generation, sequence, received_ns, flags)


@pytest.mark.parametrize(
    "headers", [None, {}, {"Nats-Msg-Id": "a/b/c/d"}, {"Nats-Msg-Id": "1/2"}, {"Md-Flags": "1"}]
)
def test_a_message_of_somebody_else_is_refused(headers):
    with pytest.raises(SubjectError):
        stamps.read(headers)
