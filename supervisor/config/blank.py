"""A new configuration file: every key of the schema, its comment, and what it may be. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from supervisor.config.fields import Section, sections, toml_key

_WIDTH: Final = 98
_INTRO: Final = """\
The configuration of openalgo-stream. What is left out has its default; a line that begins with
"#" and a key shows one. Check it with `openalgo-stream config check`, see what is in force with
`openalgo-stream config show`. Credentials are best named, "env:VAR" or "file:PATH", not written.
"""
#: What a value may be is not told where the default tells it.
_PLAIN: Final = frozenset(
    {"text", "true or false", "a time like 08:35:00", "a list of: text", "a whole number"}
)


@dataclass(frozen=True)
class Account:
    """A broker or source to begin with: which credentials and which options it asks for."""

    broker: str
    credentials: Sequence[str] = ()
    options: Sequence[str] = ()

    def variable(self, credential: str) -> str:
        """The variable that the file takes a credential from."""
        return f"{self.broker}_{credential}".upper().replace("-", "_")


def blank(accounts: Sequence[Account]) -> str:
    """The text of a file with an adapter per account; without any they are all comments."""
    lines = [f"# {line}" for line in _INTRO.splitlines()]
    for section in sections():
        if section.named:
            lines += _named(section, accounts if section.name == "adapters" else ())
        else:
            lines += ["", *_about(section), f"[{section.name}]", *_fields(section)]
    return "\n".join(lines) + "\n"


def _named(section: Section, accounts: Sequence[Account]) -> Iterator[str]:
    if not accounts:
        yield from ("", *_about(section), f"# [{section.name}.NAME]", *_fields(section))
    for number, account in enumerate(accounts):
        yield ""
        if not number:
            yield from _about(section)
        yield f"[{section.name}.{toml_key(account.broker)}]"
        if account.credentials:
            inner = ", ".join(
                f'{key} = "env:{account.variable(key)}"' for key in account.credentials
            )
            yield f"credentials = {{ {inner} }}"
        if account.options:
            yield f"# It takes these options: {', '.join(account.options)}."
        if not number:  # the others have the same keys
            yield from _fields(section, {"credentials"} if account.credentials else set())


def _about(section: Section) -> list[str]:
    about = section.comment[:1].upper() + section.comment[1:]
    return textwrap.wrap(about, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _fields(section: Section, leave_out: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    before = ""
    for field in section.fields:
        if field.key in leave_out:
            continue
        words = field.comment
        if field.allowed not in _PLAIN and (words or field.allowed != before):
            words = f"{words} ({field.allowed})".lstrip()
        before = field.allowed
        yield from textwrap.wrap(
            words, _WIDTH, initial_indent="#   ", subsequent_indent="#   ", break_on_hyphens=False
        )
        yield f"# {field.key} ={'' if field.default is None else f' {field.default}'}"
