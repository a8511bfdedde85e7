"""The arrows between the folders, as docs/design.md draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "bus": set(),
    "console": {"adapters", "bus", "identity"},
    "adapters": {"bus"},
    "bridge": {"adapters", "bus"},
    "identity": {"bus"},
    "marketdata": {"bus", "identity", "recording"},
    "proxy": {"bus", "identity"},
    "recording": {"adapters", "bus"},
    "simulators": {"bus"},
    "supervisor": {"bus"},
}
#: Beside the command line.
COMPOSES = {ROOT / "supervisor" / "processes" / "rehearsal.py"}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_arrows_point_only_where_the_design_says(package):
    for file in (ROOT / package).rglob("*.py"):
        if file.is_relative_to(ROOT / "supervisor" / "cli") or file in COMPOSES:
            continue  # may reach everything
        reached = set(imports(file)) & set(ALLOWED)
        assert reached <= ALLOWED[package] | {package}, file


def test_every_package_is_shipped_and_type_checked():
    project = (ROOT / "pyproject.toml").read_text()
    assert project.count(f"packages = {sorted(ALLOWED)}".replace("'", '"')) == 2
