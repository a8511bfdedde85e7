"""No credential reaches a log, and no flood does."""

import logging

import pytest

from adapters.codec import Account
from adapters.connecting.complaints import MAX_KINDS, Complaints, Counters
from adapters.errors import BrokerError, MalformedError, TruncatedError
from adapters.redact import MAX_BYTES, MAX_TEXT, Redactor
from bus.secret import Secret


@pytest.fixture
def redactor():
    values = {"key": "abcd", "token": "abcd+efgh/", "pin": "1", "none": ""}
    return Redactor(Account(credentials={name: Secret(v) for name, v in values.items()}))


def test_credentials_are_hidden_in_every_form(redactor):
    assert redactor.text("x=abcd+efgh/ y=abcd z=abcd%2Befgh%2F 1") == "x=*** y=*** z=*** 1"
    assert bytes.fromhex(redactor.frame(b"\x00abcd+efgh/\x01")) == b"\x00***\x01"
    assert redactor.frame("say abcd") == "say ***"


def test_length_is_bounded(redactor):
    assert redactor.text("y" * 999) == "y" * MAX_TEXT + "..."
    assert redactor.frame(bytes(999)) == "00" * MAX_BYTES + "..."


def test_the_first_of_each_kind_is_logged_and_all_are_counted(redactor, caplog):
    counters = Counters()
    complaints = Complaints("feed 0", redactor, counters)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            complaints.note(TruncatedError("cut"), b"\x00\x01abcd")
            complaints.note(BrokerError("E1002", "token abcd"), "abcd?")
        for number in range(2 * MAX_KINDS):
            complaints.note(MalformedError("odd", kind=f"odd {number}"), b"")
    assert (counters.malformed, counters.broker_errors) == (3 + 2 * MAX_KINDS, 3)
    assert len(caplog.messages) == MAX_KINDS
    assert caplog.messages[0] == (
        "feed 0: truncated: cut; the frame began 00012a2a2a; later ones are only counted"
    )
    assert "token ***" in caplog.messages[1]
    assert not any("abcd" in message for message in caplog.messages)
