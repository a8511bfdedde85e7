"""`config init|check|show|schema`: the configuration file, without starting anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from supervisor.cli import complete
from supervisor.cli.instance import Instance, with_instance
from supervisor.errors import FAILED, ConfigError, UserError

if TYPE_CHECKING:
    from supervisor.config.blank import Account
    from supervisor.config.origins import Effective

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def config() -> None:
    """Write, check and show the configuration; nothing is started or changed by it.

    \b
    Examples:
      openalgo-stream config init --broker zerodha
      openalgo-stream config check
      openalgo-stream config show proxy
    """


# --- init -----------------------------------------------------------------------------------


@config.command()
@click.option(
    "--broker",
    "-b",
    "brokers",
    multiple=True,
    metavar="NAME",
    help="An adapter for it.",
    shell_complete=complete.brokers,
)
@_json_option
@with_instance
def init(instance: Instance, brokers: tuple[str, ...], as_json: bool) -> None:
    """Write a new configuration file with every key, its default, and what it is for.

    It is ./openalgo-stream.toml, or what --config names; a file that is there is never
    overwritten. Each --broker gets a section with the credentials that it asks for, which are
    taken from environment variables.

    \b
    Examples:
      openalgo-stream config init
      openalgo-stream config init --broker zerodha --broker dhan
      openalgo-stream config init --broker upstox --config trading.toml
    """
    from supervisor.config import DEFAULT_FILE
    from supervisor.config.blank import blank

    accounts = [_account(name) for name in brokers]
    file = instance.file or DEFAULT_FILE.absolute()
    text = blank(accounts)
    try:
        # Credentials may be written into it later: nobody else need read them.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UserError(
            f"{file} is there already, and is left as it is",
            "Name another with --config FILE, or move that one away.",
        ) from None
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}", "Name another.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    variables = [one.variable(key) for one in accounts for key in one.credentials]
    if as_json:
        click.echo(json.dumps({"file": str(file), "variables": variables}))
        return
    click.echo(f"{file} is written; next:")
    for line in _next(file, accounts, variables):
        click.echo(f"  {line}")


def _account(name: str) -> Account:
    import msgspec

    from adapters import registry
    from adapters.source import Source
    from supervisor.config.blank import Account

    found = registry.find_any(name)
    options = (
        [field.encode_name for field in msgspec.structs.fields(found.options)]
        if isinstance(found, Source)
        else []
    )
    return Account(found.name, tuple(found.credentials), tuple(options))


def _next(file: Path, accounts: list[Account], variables: list[str]) -> list[str]:
    option = "" if file.name == "openalgo-stream.toml" else f" --config {file}"
    first = [f"export {name}=..." for name in variables] if accounts else ["give it an adapter"]
    return [*first, f"openalgo-stream config check{option}", f"openalgo-stream up{option}"]


# --- check ----------------------------------------------------------------------------------


@config.command()
@_json_option
@with_instance
def check(instance: Instance, as_json: bool) -> None:
    """Tell everything that is wrong with the configuration, with file, line and key.

    It is what `up` and `reload` check before they begin, less the ports: `doctor` looks at
    those. Exit code 1 if anything is wrong.

    \b
    Examples:
      openalgo-stream config check
      openalgo-stream config check --config trading.toml --json
    """
    from supervisor.cli.up import problems_of
    from supervisor.config import load, located

    _needs_file(instance)
    try:
        settings = load(instance.file)
        if found := problems_of(settings, check_port=False):
            raise located(found, instance.file)
    except ConfigError as error:
        if not as_json:
            raise
        problems = [_parted(problem, instance.file) for problem in error.problems]
        click.echo(json.dumps({"file": str(instance.file), "ok": False, "problems": problems}))
        raise SystemExit(FAILED) from None
    if as_json:
        click.echo(json.dumps({"file": str(instance.file), "ok": True, "problems": []}))
        return
    adapters = ", ".join(f"{name} ({one.broker})" for name, one in settings.adapters.items())
    click.echo(f"{instance.file}: nothing is wrong; adapters: {adapters}")


def _parted(problem: str, file: Path | None) -> dict[str, Any]:
    """`FILE:LINE: KEY: MESSAGE` in its parts."""
    rest = problem.removeprefix(str(file))
    place, _, text = rest.partition(": ")
    key, _, message = text.partition(": ")
    return {"line": int(place[1:]) if place[1:].isdigit() else None, "key": key, "message": message}


def _needs_file(instance: Instance) -> None:
    if instance.file is None:
        raise UserError(
            "there is no configuration: no openalgo-stream.toml in this directory",
            "Write one with `openalgo-stream config init`, or name one with --config.",
        )


# --- show -----------------------------------------------------------------------------------


@config.command()
@click.argument("sections", nargs=-1, metavar="[SECTION]...")
@click.option("--changed", is_flag=True, help="Leave out what has its default.")
@_json_option
@with_instance
def show(instance: Instance, sections: tuple[str, ...], changed: bool, as_json: bool) -> None:
    """Print every value in force and from where it comes; secrets are hidden.

    SECTION is the beginning of a key: proxy, adapters.zerodha, limits. From where: a line of the
    file, a variable of the environment, the default, or derived from something else.

    \b
    Examples:
      openalgo-stream config show
      openalgo-stream config show proxy limits
      openalgo-stream config show --changed --json
    """
    from supervisor.config.origins import effective

    chosen = [
        one
        for one in effective(instance.file, os.environ)
        if (not changed or one.kind != "default") and _within(one.key, sections)
    ]
    if sections and not chosen and not changed:
        raise UserError(
            f"nothing is called {' or '.join(sections)}",
            "See all of them with `openalgo-stream config show`.",
        )
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in chosen]))
    else:
        _print(chosen, instance.file)


def _within(key: str, sections: tuple[str, ...]) -> bool:
    return not sections or any(key == one or key.startswith(f"{one}.") for one in sections)


def _as_json(one: Effective) -> dict[str, Any]:
    import msgspec

    from bus.secret import Secret

    def hidden(value: Any) -> Any:
        return ("***" if value else "") if isinstance(value, Secret) else None

    return {
        "key": one.key,
        "value": msgspec.to_builtins(one.value, enc_hook=hidden),
        "from": one.kind,
        "line": one.line,
        "source": one.source,
    }


def _print(chosen: list[Effective], file: Path | None) -> None:
    from supervisor.config.fields import toml

    lines = [
        (one, f"{one.key} = {'(none)' if one.value is None else toml(one.value)}") for one in chosen
    ]
    width = min(60, max((len(line) for _, line in lines), default=0))
    name = file.name if file is not None else ""
    for one, line in lines:
        origin = f"{name}:{one.line}" if one.kind == "file" else one.kind
        source = f", {one.source}" if one.source else ""
        usual = one.kind == "default"
        click.secho(line.ljust(width), nl=False, dim=usual, bold=not usual)
        click.echo(f"  # {origin}{source}")


# --- schema ---------------------------------------------------------------------------------


@config.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors that check TOML against one.

    \b
    Examples:
      openalgo-stream config schema > openalgo-stream.schema.json
    """
    from supervisor.config.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
