"""Gathers what `doctor` judges. Reads only; binds ports for a moment, and nothing else."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import stat
import sys
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bus import __version__
from bus.control.messages import StatusReply, StatusRequest
from bus.secret import Secret
from supervisor.cli import machine
from supervisor.cli.instance import Instance
from supervisor.config import Config, load
from supervisor.config.load import read_table
from supervisor.demo import with_demo
from supervisor.diagnosis.facts import (
    CredentialFact,
    DiskFact,
    Facts,
    FileFact,
    Leftover,
    MasterFact,
)
from supervisor.errors import ConfigError, UserError
from supervisor.instance import runfile

_LIBRARIES: Final = ("pyzmq", "msgspec", "websockets", "click", "rich")
#: Where OpenAlgo's own proxy and its feed are.
_OPENALGO_PORTS: Final = (8765, 5555)
_ANSWER_S: Final = 2.0


def gather(instance: Instance) -> Facts:
    """All facts of this moment. Raises UserError: the file cannot be read at all."""
    known, problems = _settings(instance)
    settings = known or Config()
    run = runfile.read(instance.paths.run_file)
    supervised = run is not None and runfile.is_alive(run.pid, run.create_time)
    status = _status(instance) if supervised else None
    listening = machine.listening(machine.pids(status, run))
    ports = list(machine.ports(settings, listening)) if known else []
    return Facts(
        now=time.time(),
        option=f" --config {instance.file}" if instance.file else "",
        config_file=str(instance.file) if instance.file else None,
        config_problems=problems,
        python=sys.version_info[:3],
        version=__version__,
        libraries={name: _version(name) for name in _LIBRARIES},
        ports=ports,
        files=list(_files(instance)),
        credentials=list(_credentials(settings, instance.file)),
        masters=list(_masters(settings, instance)),
        disks=list(_disks(settings, instance)),
        leftovers=[] if supervised else list(_leftovers(instance, run)),
        clock=machine.clock(run, status),
        open_files=machine.open_files(),
        wanted_files=settings.limits.connections_per_address + settings.limits.unauthenticated,
        openalgo=machine.openalgo(settings),
        beside={
            port: holder.command
            for port in _OPENALGO_PORTS
            if (holder := listening.get(port)) is not None and not holder.ours
        },
        supervised=supervised,
        status=status,
    )


def _settings(instance: Instance) -> tuple[Config | None, list[str]]:
    """The configuration, None for one that cannot be read whole; and what is wrong."""
    from supervisor.cli.up import problems_of
    from supervisor.config import located

    try:
        settings = load(instance.file)
    except ConfigError as error:
        return None, error.problems
    if instance.file is None:
        return with_demo(settings), []
    if found := problems_of(settings, check_port=False):
        return settings, located(found, instance.file).problems
    return settings, []


def _status(instance: Instance) -> StatusReply | None:
    try:
        return instance.ask(StatusRequest(), StatusReply, _ANSWER_S)
    except UserError:
        return None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# --- files ----------------------------------------------------------------------------------


def _files(instance: Instance) -> Iterator[FileFact]:
    """The state folder, and what in it has secrets; the configuration, which may."""
    paths = instance.paths
    for path in (paths.root, paths.keys, paths.run_file, paths.logs):
        if path.exists():
            yield _file(path)
    if instance.file is not None and _has_secrets(instance.file):
        yield _file(instance.file)


def _file(path: Path) -> FileFact:
    found = path.stat()
    unix = hasattr(os, "getuid")
    return FileFact(
        str(path),
        stat.S_IMODE(found.st_mode) if unix else None,
        not unix or found.st_uid == os.getuid(),
        os.access(path, os.W_OK),
    )


def _has_secrets(file: Path) -> bool:
    """Whether real credentials are written in it; those of simulators are none."""
    return any(not source for _, _, source in _written(file))


def _written(file: Path | None) -> Iterator[tuple[str, str, str]]:
    """Adapter, field, and the source of each credential of the file; literal ones have none."""
    adapters = read_table(file).get("adapters", {})
    for name, entry in adapters.items() if isinstance(adapters, dict) else ():
        if not isinstance(entry, dict) or str(entry.get("url")).startswith("simulator:"):
            continue
        credentials = entry.get("credentials", {})
        for field, value in credentials.items() if isinstance(credentials, dict) else ():
            fetched = isinstance(value, str) and value.startswith(("env:", "file:", "openalgo:"))
            yield name, field, value if fetched else ""


def _disks(settings: Config, instance: Instance) -> Iterator[DiskFact]:
    wanted: dict[Path, int] = {instance.paths.root: 0}
    if settings.recorder.enabled and settings.recorder.folder:
        folder = Path(settings.recorder.folder)
        taken = sum(file.stat().st_size for file in folder.glob("*.rec")) if folder.exists() else 0
        wanted[folder] = max(0, settings.recorder.budget_mb * 1024 * 1024 - taken)
    for folder, more in wanted.items():
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        yield DiskFact(str(place), shutil.disk_usage(place).free, more)


def _leftovers(instance: Instance, run: runfile.RunFile | None) -> Iterator[Leftover]:
    for process in run.processes if run else ():
        if runfile.is_alive(process.pid, process.create_time):
            yield Leftover(process.name, process.pid)
    if instance.paths.root.exists():
        for path in instance.paths.root.glob("*.next"):
            yield Leftover(str(path))


def _masters(settings: Config, instance: Instance) -> Iterator[MasterFact]:
    from adapters import registry
    from adapters.broker import Broker
    from adapters.errors import UnknownBrokerError

    now = time.time()
    for name, adapter in settings.adapters.items():
        try:
            if not isinstance(registry.find_any(adapter.broker or name), Broker):
                continue
        except UnknownBrokerError:  # told with the configuration
            continue
        file = instance.paths.instruments / f"{name}.db"
        age = now - file.stat().st_mtime if file.exists() else None
        yield MasterFact(name, age, adapter.instruments.startswith("simulator:"))


# --- credentials ----------------------------------------------------------------------------


def _credentials(settings: Config, file: Path | None) -> Iterator[CredentialFact]:
    sources = {(name, field): source for name, field, source in _written(file)}
    if any("openalgo:" in source for source in sources.values()):
        settings = _with_logins(settings)
    for name, adapter in settings.adapters.items():
        if adapter.url.startswith("simulator:"):
            continue
        for field, value in adapter.credentials.items():
            source = sources.get((name, field), "")
            yield CredentialFact(name, adapter.broker or name, field, source, _expires(value))


def _with_logins(settings: Config) -> Config:
    from identity.authority import IdentityError
    from supervisor.cli.openalgo_logins import resolved

    try:
        return resolved(settings)
    except IdentityError:  # told with OpenAlgo's database
        return settings


def _expires(value: Secret) -> float | None:
    """What a token in the form of a JWT says of its own end; nobody checks its signature here."""
    parts = value.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, Base64Error):
        return None
    end = claims.get("exp") if isinstance(claims, dict) else None
    return float(end) if isinstance(end, int | float) else None
