"""Every command: its help with examples that parse, its JSON, its names for Tab."""

import re
import shlex
import subprocess
import sys

import click
import pytest

from bus.secret import Secret
from supervisor import config
from supervisor.cli import cli
from supervisor.cli.names import PROGRAM
from supervisor.instance import runfile
from supervisor.instance.paths import StatePaths

#: Why a command has no --json.
NO_JSON = {
    "config schema": "is JSON",
    "decode": "prints JSON lines, always",
    "completion": "prints a script for a shell",
    "simulate": "serves until Ctrl-C",
    "replay play": "serves until Ctrl-C",
}


def walk(command=cli, path=(), parent=None):
    """Every command with its path and its context's parents."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name=path[-1] if path else PROGRAM, parent=parent)
        for name in command.list_commands(ctx):
            yield from walk(command.get_command(ctx, name), (*path, name), ctx)


COMMANDS = {" ".join(path): command for path, command in walk()}
LEAVES = {name: one for name, one in COMMANDS.items() if not isinstance(one, click.Group)}


def examples_of(command):
    """The lines below `Examples:`, without what explains them and what a shell does with them."""
    text = command.help.partition("Examples:")[2]
    for line in text.splitlines()[1:]:
        if not line.strip():
            break
        yield re.split(r"\s{2,}|\s[|<>]\s", line.strip())[0]


def test_all_commands_are_seen():
    assert {"up", "top", "doctor", "config init", "replay seek", "completion"} <= set(LEAVES)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples_of_its_own(name):
    command = COMMANDS[name]
    assert command.help, name
    examples = list(examples_of(command))
    assert examples, f"{name} has no examples"
    for example in examples:
        assert example.startswith(f"{PROGRAM} {name}".rstrip()), example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name):
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            described = option.help or option.show_default or isinstance(option.type, click.Choice)
            assert described, (name, option.name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_parses(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("yesterday.rec", "recordings"):
        (tmp_path / file).write_text("")  # a command may want its file to be there
    for example in examples_of(COMMANDS[name]):
        arguments = shlex.split(example)[1:]
        command, ctx = cli, None
        while isinstance(command, click.Group):
            ctx = command.make_context(PROGRAM, list(arguments), parent=ctx)
            _, command, arguments = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        command.make_context(command.name, list(arguments), parent=ctx)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_json_or_a_reason_not_to(name):
    has = any("--json" in option.opts for option in LEAVES[name].params)
    assert has != (name in NO_JSON)


def test_an_unknown_command_is_answered_with_the_nearest():
    with pytest.raises(click.UsageError, match="Did you mean 'status'"):
        cli.main(["stauts"], prog_name=PROGRAM, standalone_mode=False)


# --- Tab --------------------------------------------------------------------------------------


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """What Tab offers after a line, for an instance with two adapters that runs."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "openalgo-stream.toml"
    file.write_text("[paths]\nstate = 's'\n[adapters.zerodha]\n[adapters.dhan-2]\n[roles.desk]\n")
    paths = StatePaths(config.state_directory(file))
    paths.make()
    names = ("zerodha", "dhan-2", "proxy")
    records = [runfile.ProcessRecord(name=n, pid=1, create_time=0.0, generation=1, restarts=0)
               for n in names]  # fmt: skip
    runfile.write(
        paths.run_file,
        runfile.RunFile(
            pid=1, create_time=0.0, commands="", control="", secret=Secret("x"), processes=records
        ),
    )
    paths.log("supervisor").write_text("")

    def offer(line):
        words = line.split(" ")
        kind = click.shell_completion.BashComplete(cli, {}, PROGRAM, "_X")
        return [item.value for item in kind.get_completions(words[1:-1], words[-1])]

    return offer


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("openalgo-stream do", ["down", "doctor"]),
        ("openalgo-stream restart ", ["dhan-2", "proxy", "zerodha"]),
        ("openalgo-stream restart z", ["zerodha"]),
        ("openalgo-stream token set d", ["dhan-2"]),
        ("openalgo-stream tail NSE:SBIN --adapter z", ["zerodha"]),
        ("openalgo-stream logs s", ["supervisor"]),
        ("openalgo-stream keys create x --role d", ["desk"]),
        ("openalgo-stream keys revoke ", []),
        ("openalgo-stream config in", ["init"]),
        ("openalgo-stream config init --broker dhan", ["dhan", "dhan_sandbox"]),
        ("openalgo-stream simulate up", ["upstox"]),
        ("openalgo-stream restart --config missing.toml ", []),
        ("openalgo-stream token set --config missing.toml ", []),
    ],
)
def test_tab_offers_names(offered, line, names):
    assert offered(line) == names


def test_keys_are_offered_by_name(offered, tmp_path):
    from identity.keys import KeyStore  # noqa: PLC0415

    with KeyStore(StatePaths(tmp_path / "s").keys) as store:
        store.create("laptop")
        store.create("gone")
        store.revoke("gone")
    assert offered("openalgo-stream keys revoke ") == ["laptop"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_says_where_it_goes(shell):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "supervisor", "completion", shell],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *script = done.stdout.splitlines()
    assert first.startswith("# ")
    assert f"{PROGRAM} completion {shell}" in first
    assert any("_OPENALGO_STREAM_COMPLETE" in line for line in script)
