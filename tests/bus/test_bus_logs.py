"""Log lines: JSON in files, words for people, nothing forged, everything through one place."""

import contextlib
import io
import json
import logging
import subprocess
import sys
import warnings

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bus.logs import chain as logs
from bus.logs.lines import fields, human, in_order
from bus.secret import Secret


@contextlib.contextmanager
def logging_restored():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    websockets = logging.getLogger("websockets").level
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers, root.level = handlers, level
        logging.getLogger("websockets").setLevel(websockets)


def written(work, *, role="adapter"):
    """The lines that `work` logs in a process."""
    stream, stderr = io.StringIO(), sys.stderr
    with logging_restored():
        sys.stderr = stream
        try:
            logs.configure("zerodha", 3, life="a1b2c3d4", role=role)
            work()
        finally:
            sys.stderr = stderr
    return stream.getvalue().splitlines()


def said(work, **options):
    (line,) = written(work, **options)
    return json.loads(line)


LOGGER = logging.getLogger("adapters.session")


def test_a_line_is_json_that_says_whose_it_is_and_begins_with_the_time():
    (line,) = written(lambda: LOGGER.warning("lost %d of %s", 3, "TCS"))
    assert line.startswith('{"timestamp":"20')
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "level": "warning", "process": "zerodha", "generation": 3, "life": "a1b2c3d4",
        "adapter": "zerodha", "logger": "adapters.session", "event": "lost 3 of TCS",
    }  # fmt: skip


def test_only_adapters_have_the_field_adapter():
    assert "adapter" not in said(lambda: LOGGER.info("x"), role="proxy")


def test_what_is_bound_and_given_as_extra_is_in_the_line():
    def work():
        with structlog.contextvars.bound_contextvars(connection=2):
            LOGGER.info("x", extra={"of": "proxy", "of_generation": 4})

    found = said(work)
    assert (found["connection"], found["of"], found["of_generation"]) == (2, "proxy", 4)


def test_what_uvicorn_says_in_colours_is_told_once():
    coloured = {"color_message": "Started server process [\x1b[36m%d\x1b[0m]"}
    found = said(lambda: LOGGER.info("Started server process [%d]", 7, extra=coloured))
    assert found["event"] == "Started server process [7]"
    assert "color_message" not in found


def test_a_traceback_is_part_of_its_line_and_shown_as_lines():
    def work():
        try:
            raise ValueError("planted\nsecond")
        except ValueError:
            LOGGER.exception("it failed")

    (line,) = written(work)
    found = json.loads(line)
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    told = human(line)
    assert told[0].endswith("ERROR   zerodha.3 adapters.session: it failed")
    assert told[1] == "Traceback (most recent call last):"
    assert "ValueError: planted" in told
    assert len(told) > 4


def test_libraries_and_warnings_go_through_the_same():
    def work():
        logging.getLogger("uvicorn.error").warning("from uvicorn, access_token=planted")
        logging.getLogger("asyncio").error("from asyncio")
        logging.getLogger("websockets.server").error("a probe")  # no news
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("from a warning", stacklevel=1)

    found = [json.loads(line) for line in written(work)]
    assert [one["logger"] for one in found] == ["uvicorn.error", "asyncio", "py.warnings"]
    assert all(one["process"] == "zerodha" for one in found)
    assert found[0]["event"] == "from uvicorn, access_token=***"
    assert "from a warning" in found[2]["event"]


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Zl"])))
def test_whatever_is_logged_is_one_line_that_no_terminal_takes_for_a_command(text):
    (line,) = written(lambda: LOGGER.info("%s", text))
    shown = human(line)
    assert len(shown) == 1
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in line + shown[0])
    assert "\u2028" not in shown[0]


def test_a_forged_line_stays_inside_its_own():
    forged = 'x\n{"timestamp":"2026-01-01T00:00:00.000Z","level":"error","event":"forged"}'
    assert "forged" in said(lambda: LOGGER.info("%s", forged))["event"]


def test_secrets_are_hidden_by_their_type_wherever_they_are():
    secret = Secret("planted")

    def work():
        LOGGER.info("%s %r", secret, [secret], extra={"given": secret, "more": {"a": [secret]}})

    (line,) = written(work)
    assert "planted" not in line
    found = json.loads(line)
    assert (found["given"], found["more"]) == ("***", {"a": ["***"]})


def test_the_terminal_gets_short_lines_and_the_file_whole_ones(tmp_path, capsys):
    with logging_restored():
        root = logging.getLogger()
        root.setLevel(logging.INFO)
        root.handlers = [logs.file_handler(tmp_path / "s.log", "supervisor")]
        root.addHandler(logs.terminal_handler())
        LOGGER.info("up")
        LOGGER.warning("password=planted")
        root.handlers[0].close()
    first, second = capsys.readouterr().err.splitlines()
    assert first[2] == first[5] == ":"
    assert first[8:] == " up"
    assert second[8:] == " warning: password=***"
    kept = [fields(line) for line in (tmp_path / "s.log").read_text().splitlines()]
    assert [one["event"] for one in kept] == ["up", "password=***"]
    assert kept[0]["process"] == "supervisor"


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["", "Fatal Python error: Aborted", "{", "[1]", '{"a": 1}', "2026-01-01 old", "\ud800{"]
)
def test_what_no_logger_wrote_is_shown_as_it_is(line):
    assert human(line) == [line]


@given(st.text())
def test_no_line_is_too_odd_to_be_read(line):
    assert human(line)
    assert list(in_order([("a", line)])) == [("a", line)]


def line_at(second, event="x"):
    return json.dumps({"timestamp": f"2026-11-21T12:00:{second:02d}.000Z", "event": event})


def test_lines_of_several_logs_are_put_in_order_and_dumps_stay_with_theirs():
    lines = [("a", line_at(1)), ("a", line_at(4)), ("a", "Fatal Python error"), ("b", line_at(2))]
    order = list(in_order(lines))
    assert order == [lines[0], lines[3], lines[1], lines[2]]


def test_more_fields_are_shown_and_those_for_machines_are_not():
    line = json.dumps({
        "timestamp": "T", "level": "info", "process": "proxy", "generation": 2, "life": "ab",
        "logger": "l", "event": "hello", "connection": 7, "of": "x", "of_life": "y",
    })  # fmt: skip
    assert human(line) == ["T INFO    proxy.2 l: hello connection=7"]


def test_no_process_loads_the_library_for_drawing():
    script = "import sys, bus.logs.chain; print('rich' in sys.modules); import rich.table"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False\n"
