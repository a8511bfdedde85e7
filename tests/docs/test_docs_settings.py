"""Configurations in the docs have keys that there are; the table of settings is up to date."""

import re
import runpy
import tomllib

import pytest
from pages import ROOT, pages

from supervisor.config.fields import sections

TOML = [
    block
    for page in pages()
    for block in page.blocks
    if block.language == "toml" and "entry-points" not in block.text
]
KEYS = {section.name: {field.key for field in section.fields} for section in sections()}
NAMED = {section.name for section in sections() if section.named}


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.where)
def test_configurations_have_keys_that_there_are(block):
    for name, table in tomllib.loads(block.text).items():
        assert name in KEYS, name
        for one in table.values() if name in NAMED else [table]:
            assert set(one) <= KEYS[name], f"[{name}]: {set(one) - KEYS[name]}"


def test_the_table_of_settings_is_what_the_code_says():
    made = runpy.run_path(str(ROOT / "docs" / "settings.py"))["text"]()
    told = (ROOT / "docs" / "settings.md").read_text()
    assert told == made, "run `.venv/bin/python docs/settings.py`"


def test_every_section_is_explained():
    told = (ROOT / "docs" / "configuration.md").read_text()
    missing = [name for name in KEYS if not re.search(rf"`\[{name}(\.NAME)?\]`", told)]
    assert not missing
