"""Paths made absolute, credentials fetched, defaults that depend on names filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bus.secret import Secret
from supervisor.config.schema import Config, PathSettings
from supervisor.paths import default_state


def resolve(
    config: Config, path: Path | None, environ: Mapping[str, str], problems: list[str]
) -> Config:
    base = path.parent if path is not None else Path.cwd()
    state = base / config.paths.state if config.paths.state else default_state(path)
    adapters = {}
    for name, adapter in config.adapters.items():
        where = f"adapters.{name}"
        adapters[name] = msgspec.structs.replace(
            adapter,
            broker=adapter.broker or name,
            credentials={
                key: _credential(value, f"{where}.credentials.{key}", base, environ, problems)
                for key, value in adapter.credentials.items()
            },
            instruments=_file(adapter.instruments, f"{where}.instruments", base, problems),
        )
    simulators = {
        name: msgspec.structs.replace(
            simulator,
            broker=simulator.broker or name,
            data=_file(simulator.data, f"simulators.{name}.data", base, problems),
            master=_file(simulator.master, f"simulators.{name}.master", base, problems),
        )
        for name, simulator in config.simulators.items()
    }
    return msgspec.structs.replace(
        config, paths=PathSettings(state=str(state)), adapters=adapters, simulators=simulators
    )


def _file(value: str, where: str, base: Path, problems: list[str]) -> str:
    """A path made absolute and looked at; URLs and simulators pass."""
    if not value or "://" in value or value.startswith("simulator:"):
        return value
    if value.startswith("openalgo:"):
        return "openalgo:" + _file(value.removeprefix("openalgo:"), where, base, problems)
    path = (base / value).absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        problems.append(f"{where}: {path} cannot be read: {error.strerror}")
        return value


def _credential(
    value: Secret, where: str, base: Path, environ: Mapping[str, str], problems: list[str]
) -> Secret:
    """`env:VAR`, `file:PATH` or the value itself. Never part of an error's text."""
    text = value.reveal()
    kind, _, rest = text.partition(":")
    if kind == "env":
        if not environ.get(rest):
            problems.append(f"{where}: the environment variable {rest} is not set; export it")
        return Secret(environ.get(rest, ""))
    if kind == "file":
        try:
            return Secret((base / rest).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            problems.append(f"{where}: {base / rest} cannot be read: {reason}")
    return value
