"""Finding and reading the file, and putting the steps together.

The file decides; the environment fills what it leaves out. So two instances with two files
never meet by way of a shared environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bus.access import BUILT_IN_ROLES
from supervisor.config import check, check_access, check_ports
from supervisor.config.environment import fill
from supervisor.config.resolve import openalgo_settings, resolve
from supervisor.config.schema import Config
from supervisor.config.where import line_of, lines_of
from supervisor.errors import ConfigError, UserError
from supervisor.instance.paths import default_state

CONFIG_VARIABLE: Final = "OPENALGO_STREAM_CONFIG"
DEFAULT_FILE: Final = Path("openalgo-stream.toml")


def find(option: str | None, *, look_here: bool = True) -> Path | None:
    """The file in force: `--config`, else the environment's, else one in this directory."""
    named = option or os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).absolute()
    return DEFAULT_FILE.absolute() if look_here and DEFAULT_FILE.exists() else None


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration; without a file, the defaults.

    Credentials and files are resolved: relative paths are relative to the file.

    Raises:
        ConfigError: all that is wrong, each with file, key and what to do.
        UserError: the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    table = read_table(path)
    problems = list(check.unknown_keys(table))
    _stop_at(problems, path)
    fill(table, environ)
    built = dict(check.convert(table, problems))
    _stop_at(problems, path)
    config = Config(**built)
    problems += check.names(config)
    problems += check.values(config)
    problems += check_access.access(config)
    config = resolve(config, path, environ, problems)
    problems += check_ports.ports(config)
    _stop_at(problems, path)
    return config


def state_directory(path: Path | None) -> Path:
    """Where an instance keeps its state, without checking the rest of its configuration.

    `status` in a second terminal must not need the credentials that `up` needed.
    """
    section = {} if path is None else _read(path).get("paths", {})
    state = section.get("state") if isinstance(section, dict) else None
    state = state or os.environ.get("OPENALGO_STREAM_PATHS_STATE")
    if isinstance(state, str) and state:
        return (path.parent if path is not None else Path.cwd()) / state
    return default_state(path)


def recordings_folder(path: Path | None) -> Path:
    """Where the recorder writes, without checking the rest of the configuration."""
    section = {} if path is None else _read(path).get("recorder", {})
    folder = section.get("folder") if isinstance(section, dict) else None
    folder = folder or os.environ.get("OPENALGO_STREAM_RECORDER_FOLDER")
    if isinstance(folder, str) and folder:
        return (path.parent if path is not None else Path.cwd()) / folder
    return state_directory(path) / "recordings"


def role_names(path: Path | None) -> list[str]:
    """The roles that keys can have, without checking the rest of the configuration."""
    section = {} if path is None else _read(path).get("roles", {})
    return sorted(BUILT_IN_ROLES.keys() | (section.keys() if isinstance(section, dict) else ()))


def adapter_names(path: Path | None) -> list[str]:
    """The configured adapters, without checking the rest of the configuration."""
    section = {} if path is None else _read(path).get("adapters", {})
    return sorted(section) if isinstance(section, dict) else []


def openalgo_bus(path: Path | None) -> str:
    """Where OpenAlgo's processes publish session changes; empty when that cannot be told."""
    section = {} if path is None else _read(path).get("openalgo", {})
    if path is None or not section:
        return ""
    problems: list[str] = []
    built = dict(check.convert({"openalgo": section}, problems))
    if problems:
        return ""
    return openalgo_settings(Config(**built), path.parent, os.environ, problems).bus


def read_table(path: Path | None) -> dict[str, Any]:
    """What the file says, unchecked; nothing without a file.

    Raises:
        UserError: it cannot be read, or is no TOML.
    """
    return {} if path is None else _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror}",
            "Give the right path with --config, or start with `openalgo-stream up --demo`.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML: {error}", "Mend the line that is named.") from None


def located(problems: Sequence[str], path: Path | None) -> ConfigError:
    """All of them as one error, each with the file and the line that it is about."""
    if path is None:
        return ConfigError(list(problems))
    told = []
    for problem, line in zip(problems, lines_about(problems, path), strict=True):
        told.append(f"{path}{'' if line is None else f':{line}'}: {problem}")
    return ConfigError(told)


def lines_about(problems: Sequence[str], path: Path) -> list[int | None]:
    """The line that each is about, where it can be told."""
    try:
        lines = lines_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):  # gone since it was read
        lines = {}
    return [line_of(problem, lines) for problem in problems]


def _stop_at(problems: list[str], path: Path | None) -> None:
    if problems and path is None:
        raise ConfigError([f"environment: {problem}" for problem in problems])
    if problems:
        raise located(problems, path)
