"""Windows has no fork, no fcntl and no Unix signals: nothing may need them to be imported."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIX_ONLY_MODULES = {
    *("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"),
}
UNIX_ONLY_NAMES = {
    "os": {"fork", "setsid", "pidfd_open", "waitpid", "killpg", "getuid", "geteuid", "WNOHANG"},
    "signal": {"SIGKILL", "SIGCHLD", "SIGHUP", "SIGSTOP", "SIGCONT", "SIGUSR1", "SIGUSR2"},
    "socket": {"AF_UNIX", "send_fds", "recv_fds"},
}
FILES = [file for folder in ("bus", "supervisor") for file in (ROOT / folder).rglob("*.py")]


def runs_on_import(nodes):
    """Every node that an import runs: not the insides of functions, nor `if sys.platform`."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from runs_on_import(node.args.defaults)
            continue
        if isinstance(node, ast.If) and "sys.platform" in ast.unparse(node.test):
            continue
        yield node
        yield from runs_on_import(ast.iter_child_nodes(node))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_can_be_imported_without_what_only_unix_has(file):
    for node in runs_on_import([ast.parse(file.read_text())]):
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & UNIX_ONLY_MODULES
        if isinstance(node, ast.ImportFrom):
            assert node.module not in UNIX_ONLY_MODULES
            names = {alias.name for alias in node.names}
            assert not names & UNIX_ONLY_NAMES.get(node.module or "", set())
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in UNIX_ONLY_NAMES.get(node.value.id, set())
