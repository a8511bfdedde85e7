"""`docs/settings.md`, made of the code: `.venv/bin/python docs/settings.py` writes it anew.

What a key means stands in the comment above its field, which `config init` writes, too.
"""

from __future__ import annotations

from pathlib import Path

from supervisor.config.environment import OPENALGO_VARIABLES
from supervisor.config.fields import Field, Section, sections

FILE = Path(__file__).resolve().parent / "settings.md"
_HEAD = """# Every setting

Made of the code by `docs/settings.py`; a test compares. [Configuration](configuration.md)
explains what belongs together. What the file leaves out is taken from
`OPENALGO_STREAM_<SECTION>_<KEY>`, then from OpenAlgo's variable. A key without a meaning of its
own shares that of the key above it.
"""


def text() -> str:
    return "\n".join([_HEAD, *(_section(section) for section in sections())])


def _section(section: Section) -> str:
    title = f"{section.name}.NAME" if section.named else section.name
    lines = [f"## `[{title}]`", ""]
    if section.comment:
        lines += [section.comment[0].upper() + section.comment[1:], ""]
    lines += ["| key | default | what it may be | meaning |", "|---|---|---|---|"]
    lines += [_row(section, field) for field in section.fields]
    return "\n".join([*lines, ""])


def _row(section: Section, field: Field) -> str:
    default = "" if field.default in {None, '""'} else f"`{field.default}`"
    meaning = field.comment
    place = (section.name, field.key)
    theirs = [name for name, named in OPENALGO_VARIABLES.items() if named == place]
    if theirs:
        meaning = f"{meaning} OpenAlgo: {', '.join(f'`{name}`' for name in theirs)}.".strip()
    cells = (f"`{field.key}`", default, field.allowed, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    FILE.write_text(text())
