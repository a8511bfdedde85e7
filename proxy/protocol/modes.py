"""How clients spell modes, and how a mode is spelled back to them.

1, 2, 3, 2.0         numbers; echoed as int
"LTP", "quote", "3"  text in any case, spaces trimmed; echoed as label
missing, null        the default, Quote; echoed as label
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from bus.topics import Mode
from proxy.protocol.refusal import Refusal

LABELS: Final = {Mode.LTP: "LTP", Mode.QUOTE: "Quote", Mode.DEPTH: "Depth"}
_BY_TEXT: Final = {
    **{label.lower(): mode for mode, label in LABELS.items()},
    **{str(int(mode)): mode for mode in Mode},
}
_ALL: Final = "all"
_SHOWN: Final = 40

#: In an ack: a number to who sent one, a label to everybody else.
Echo: TypeAlias = int | str


class ModeChoice(NamedTuple):
    """A mode, and how to say it to the client that chose it."""

    mode: Mode
    echo: Echo


DEFAULT: Final = ModeChoice(Mode.QUOTE, LABELS[Mode.QUOTE])


def read_mode(value: Any) -> ModeChoice:
    """The mode that a subscribe's field means.

    Raises:
        Refusal: INVALID_MODE, with the text that clients know.
    """
    match value:
        case None:
            return DEFAULT
        case bool():
            raise _invalid(f"Mode must be int or str, got bool ({value})")
        case int() | float():
            if value in LABELS:
                mode = Mode(int(value))
                return ModeChoice(mode, int(mode))
            raise _invalid(
                f"Invalid mode {_number(value)}; expected 1 (LTP), 2 (Quote), or 3 (Depth)"
            )
        case str():
            found = _BY_TEXT.get(value.strip().lower())
            if found is None:
                raise _invalid(
                    f"Invalid mode {value[:_SHOWN]!r}; "
                    "expected 'LTP', 'Quote', or 'Depth' (case-insensitive)"
                )
            return ModeChoice(found, LABELS[found])
        case _:
            raise _invalid(f"Mode must be int or str, got {type(value).__name__}")


def read_unsubscribe_mode(value: Any) -> Mode | None:
    """The mode that an unsubscribe's field means; None stands for every mode held.

    Raises:
        Refusal: as `read_mode`.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == _ALL):
        return None
    return read_mode(value).mode


def _number(value: float) -> str:
    # Python refuses to write integers of thousands of digits, which JSON may hold.
    return "of many digits" if isinstance(value, int) and value.bit_length() > 128 else str(value)


def _invalid(message: str) -> Refusal:
    return Refusal("INVALID_MODE", message)
