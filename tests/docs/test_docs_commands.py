"""Every command in README and docs: run as it stands, or at least one that there is."""

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from pages import ROOT, pages

from supervisor.cli import COMMANDS, cli

PAGES = pages()
WITH_COMMANDS = [
    page for page in PAGES if any(not b.mark.startswith("not run") for b in page.shell)
]
#: `make` takes what is installed here as installed there.
PRELUDE = 'make() { command make -o .venv/.runtime-installed -o .venv/.dev-installed "$@"; }\n'
#: The feed of each adapter that a page configures.
FEED = 'url = "simulator:pretended"\ninstruments = "simulator:pretended"\n'
SIMULATOR = '\n[simulators.pretended]\nbroker = "zerodha"\n'
GIVEN = '[adapters.zerodha]\ncredentials = { api_key = "k", access_token = "t" }\n'

#: Where the HTTP API is in the docs.
API = "http://127.0.0.1:8766"


class Terminal:
    """A user's folder, beside what a clone has; the brokers are pretended, the ports free."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.background = []
        self.key = None
        for name in (".venv", "Makefile", "pyproject.toml", "requirements", "bench", "deploy"):
            (folder / name).symlink_to(ROOT / name if name != ".venv" else sys.prefix)
        for section in ("PROXY", "MARKETDATA"):
            monkeypatch.setenv(f"OPENALGO_STREAM_{section}_PORT", "0")
        monkeypatch.setenv("HOME", str(folder))
        for place in (
            ".config/fish/completions",
            ".zfunc",
            ".local/share/bash-completion/completions",
        ):
            (folder / place).mkdir(parents=True)
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state-home"))
        monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
        for name in ("KITE_API_KEY", "KITE_ACCESS_TOKEN"):
            monkeypatch.setenv(name, "made-up")

    def configure(self, text):
        text = text.replace("[adapters.zerodha]\n", f"[adapters.zerodha]\n{FEED}")
        (self.folder / "openalgo-stream.toml").write_text(text + SIMULATOR)

    def start(self, command):
        return subprocess.Popen(
            ["bash", "-c", PRELUDE + command],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Tests that run in the background have none, and hand that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def run(self, command):
        process = self.start(f"set -euo pipefail\n{command}")
        told, _ = process.communicate(timeout=150)
        return process.returncode, told

    def stop(self, process):
        """As Ctrl-C does: everything in the foreground gets it."""
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate(timeout=60)
        # What Python itself says when it is interrupted at its own end is not ours.
        assert "Traceback" not in told.partition("Exception ignored in")[0], told

    def ask(self, block, answer):
        """A question to the HTTP API: of this instance, with a key that it knows."""
        if self.key is None:
            assert self.run("openalgo-stream up --detach")[0] == 0
            made = self.run("openalgo-stream keys create reader --json")[1]
            self.key = json.loads(made)["api_key"]
        processes = json.loads(self.run("openalgo-stream status --json")[1])["processes"]
        endpoint = next(p["endpoint"] for p in processes if p["name"] == "marketdata")
        command = block.text.replace(API, endpoint).replace('"KEY"', f'"{self.key}"')
        status, told = self.run(command)
        assert status == 0, f"{block.where}: {told}"
        reply, documented = json.loads(told), json.loads(answer.text)
        assert reply["status"] == documented["status"], f"{block.where}: {told}"
        assert reply.keys() == documented.keys(), f"{block.where}: {told}"

    def carry_out(self, block):
        if block.mark == "in background":
            self.background.append(self.start(block.text))
            self.wait_until_up()
        elif block.mark == "until stopped":
            for line in block.text.splitlines():
                process = self.start(line)
                said = process.stdout.readline()
                time.sleep(0.5)  # one that gave up ends now
                assert process.poll() is None, f"{block.where}: {line}: ended by itself: {said}"
                self.stop(process)
        else:
            status, told = self.run(block.text)
            assert status == 0, f"{block.where}:\n{block.text}\n{told}"

    def wait_until_up(self):
        deadline = time.monotonic() + 60
        while self.run("openalgo-stream status")[0]:
            assert time.monotonic() < deadline, "nothing is up"
            time.sleep(0.1)

    def close(self):
        for process in self.background:
            if process.poll() is None:
                self.stop(process)
        self.run("openalgo-stream down || true; openalgo-stream down --demo || true")


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    made = Terminal(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_in_their_order(page, terminal):
    if page.name != "README.md":  # that one begins with nothing
        terminal.configure(GIVEN)
    for block, after in itertools.zip_longest(page.blocks, list(page.blocks)[1:]):
        if API in block.text and block in page.shell:
            terminal.ask(block, after)
        elif block.text.startswith("# openalgo-stream.toml\n"):
            terminal.configure(block.text)
        elif block in page.shell and not block.mark.startswith("not run"):
            terminal.carry_out(block)


#: What follows the program's name where it is called.
CALL = re.compile(r"(?:^|[\s(;&|\"]|bin/)openalgo-stream ([a-z][^|;&\"')]*)")
SHELL = [block for page in PAGES for block in page.shell]


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.where)
def test_blocks_are_shell_and_name_what_is_there(block):
    assert re.fullmatch(r"|not run: .+|in background|until stopped", block.mark), block.mark
    checked = subprocess.run(
        ["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False
    )
    assert not checked.stderr
    for path in re.findall(r"\b((?:deploy|requirements|docs|tests|bench)/[\w./@-]+)", block.text):
        assert (ROOT / path).exists(), path
    for line in block.text.replace("\\\n", " ").splitlines():
        for call in CALL.findall(line.partition("  #")[0]):
            check_call(call)


def check_call(text):
    """Whether the command line has that command with those options. Raises AssertionError."""
    words = [word.strip("[],.") for word in shlex.split(text, comments=True)]
    context, command = click.Context(cli), cli
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, f"no such command: {text}"
        command = found
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in options, f"no such option: {text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_are_there(page):
    makefile = (ROOT / "Makefile").read_text()
    for code in page.inline:
        name, _, rest = code.removeprefix(".venv/bin/").partition(" ")
        if name == "openalgo-stream" and rest[:1].islower():
            for one in alternatives(rest):
                check_call(one)
        elif name in {"python", "python3"} and rest.partition(" ")[0].endswith(".py"):
            assert (ROOT / rest.partition(" ")[0]).exists(), code
        elif name == "make" and rest:
            assert f"\n{rest.split()[0]}:" in makefile, code


def alternatives(text):
    r"""`keys create\|list` is two commands."""
    words = text.replace("\\|", "|").split()
    first = next((word for word in words if "|" in word), None)
    if first is None or first.startswith("["):
        return [text.replace("\\|", "|").replace("|", "/")]
    at = words.index(first)
    return [" ".join([*words[:at], choice, *words[at + 1 :]]) for choice in first.split("|")]


def test_the_readme_s_table_has_every_command():
    readme = next(page for page in PAGES if page.name == "README.md")
    rows = re.findall(r"^\| (`.+`) \|", readme.text.partition("## Commands")[2], re.MULTILINE)
    told = {code.split()[0] for row in rows for code in re.findall(r"`([^`]+)`", row)}
    assert told == set(COMMANDS)
    for row in rows:
        for code in re.findall(r"`([^`]+)`", row):
            for one in alternatives(code):
                check_call(re.sub(r"[\[\]]", " ", one))
