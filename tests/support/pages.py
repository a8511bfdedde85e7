"""README and docs as data: their fenced blocks with the marks above them, and their inline code.

A block of shell commands is run as it stands, unless a comment above it says otherwise:
    <!-- not run: WHY -->     only its syntax and what it names are checked
    <!-- in background -->    started, and ended with its page
    <!-- until stopped -->    each line by itself, until it says something; then Ctrl-C
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^>]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    language: str
    text: str
    mark: str
    where: str


class Page(NamedTuple):
    name: str
    text: str

    @property
    def blocks(self):
        for found in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, found.start("text"))
            mark = found["mark"] or ""
            yield Block(found["language"], found["text"], mark, f"{self.name}:{line}")

    @property
    def shell(self):
        return [block for block in self.blocks if block.language in {"sh", "console", "bash"}]

    @property
    def inline(self):
        """What stands between backticks outside of blocks."""
        return re.findall(r"`([^`\n]+)`", _FENCE.sub("", self.text))


def pages():
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [Page(str(file.relative_to(ROOT)), file.read_text()) for file in files]
