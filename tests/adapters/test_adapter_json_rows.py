"""A JSON list, object by object, wherever the chunks end."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import json_rows as module
from adapters.errors import InstrumentsError
from adapters.json_rows import json_rows

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=5)


@given(ROWS, st.integers(1, 30), st.sampled_from([None, 2]))
def test_every_object_whatever_the_chunks(rows, size, indent):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_CHARACTERS", size)
        text = json.dumps(rows, indent=indent) + "\n"
        assert list(json_rows(io.StringIO(text), "a list")) == rows


@given(ROWS, st.data())
def test_a_torn_list_is_told(rows, data):
    text = json.dumps(rows)
    torn = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(InstrumentsError, match="expected a list, fetch it anew"):
        list(json_rows(io.StringIO(torn), "a list"))


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 5000, "[{},", "[{}", "[{}x]", '[{"a":}]'])
def test_what_is_no_list_of_objects(text):
    with pytest.raises(InstrumentsError, match="fetch it anew"):
        list(json_rows(io.StringIO(text), "a list"))
