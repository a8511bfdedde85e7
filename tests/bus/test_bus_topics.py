import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import TopicError
from bus.topics import EXCHANGES, NUL, Mode, Topic, broker_word, check_instrument

symbols = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=64
)
adapters = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)


def is_valid(exchange, symbol):
    try:
        check_instrument(exchange, symbol)
    except TopicError:
        return False
    return True


@given(adapters, st.sampled_from(EXCHANGES), symbols, st.sampled_from(Mode))
def test_text_and_parse_are_inverse_for_every_valid_topic(adapter, exchange, symbol, mode):
    if not is_valid(exchange, symbol):
        with pytest.raises(TopicError):
            Topic.make(adapter, exchange, symbol, mode)
        return
    topic = Topic.make(adapter, exchange, symbol, mode)
    assert Topic.parse(topic.text) == topic
    assert topic.wire == topic.text.encode() + NUL


@given(st.text(max_size=80))
def test_any_text_parses_to_its_own_topic_or_is_refused(text):
    try:
        topic = Topic.parse(text)
    except TopicError:
        return
    assert topic.text == text


@given(
    st.sampled_from(EXCHANGES),
    st.sampled_from(["INDEX", "INDEX_X", "A_B", "M&M", "_", "LTP", "X_LTP", "INDEX_", "_INDEX"]),
    st.sampled_from(Mode),
)
def test_symbols_made_of_the_grammars_own_words(exchange, symbol, mode):
    if is_valid(exchange, symbol):
        topic = Topic.make("zerodha", exchange, symbol, mode)
        assert Topic.parse(topic.text) == topic


def test_an_index_exchange_wins_over_its_prefix():
    topic = Topic.parse("ZERODHA_NSE_INDEX_NIFTY_QUOTE")
    assert topic == ("ZERODHA", "NSE_INDEX", "NIFTY", Mode.QUOTE)


def test_a_symbol_that_would_read_as_another_exchange_is_refused():
    with pytest.raises(TopicError, match="another exchange"):
        Topic.make("zerodha", "NSE", "INDEX_NIFTY", Mode.LTP)
    assert Topic.parse("ZERODHA_NSE_INDEX_LTP").symbol == "INDEX"


@pytest.mark.parametrize(
    ("exchange", "symbol", "reason"),
    [
        ("NASDAQ", "AAPL", "unknown exchange"),
        ("NSE", "", "1 to 64"),
        ("NSE", "X" * 65, "1 to 64"),
        ("NSE", "A B", "no spaces"),
        ("NSE", "A\0B", "no spaces"),
        ("NSE", "A\u2028B", "no spaces"),
    ],
)
def test_what_the_grammar_does_not_allow_is_refused_with_the_rule(exchange, symbol, reason):
    with pytest.raises(TopicError, match=reason):
        check_instrument(exchange, symbol)


def test_an_adapters_word_has_no_underscore():
    assert broker_word("dhan_sandbox") == "DHAN-SANDBOX"
