"""The arrows between the folders, as docs/design.md draws them."""

import ast
import graphlib
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


def modules_imported(file, known):
    """Of ours, wherever in the file it says so: for types only, too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
            yield from named or ({node.module} & known.keys())


def test_no_imports_go_round():
    files = [file for package in ALLOWED for file in (ROOT / package).rglob("*.py")]
    known = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }
    sorter = graphlib.TopologicalSorter(
        {name: set(modules_imported(file, known)) - {name} for name, file in known.items()}
    )
    sorter.prepare()  # which raises CycleError, and names the modules
