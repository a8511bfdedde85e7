"""Paths made absolute, credentials fetched, defaults that depend on names filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from bus.access import JwtSettings, OpenAlgoSettings
from bus.secret import Secret
from bus.settings import NatsSettings
from supervisor.config import openalgo
from supervisor.config.schema import Config, PathSettings
from supervisor.instance.paths import default_state

_MIN_JWT_SECRET_BYTES: Final = 32
#: Last word of an option that names a path (`path`, `ca_file`).
_PATH_WORDS: Final = frozenset({"path", "file", "folder"})


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
            options=_options(adapter.options, base),
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
        config,
        paths=PathSettings(state=str(state)),
        adapters=adapters,
        simulators=simulators,
        recorder=msgspec.structs.replace(
            config.recorder, folder=str(base / (config.recorder.folder or state / "recordings"))
        ),
        proxy=msgspec.structs.replace(
            config.proxy,
            tls_certificate=_file(
                config.proxy.tls_certificate, "proxy.tls_certificate", base, problems
            ),
            tls_key=_file(config.proxy.tls_key, "proxy.tls_key", base, problems),
            stats_file=openalgo.stats_file(config, base),
        ),
        metrics=msgspec.structs.replace(
            config.metrics,
            token=_credential(config.metrics.token, "metrics.token", base, environ, problems),
        ),
        nats=_nats(config.nats, base, environ, problems),
        openalgo=openalgo_settings(config, base, environ, problems),
        jwt=_jwt(config.jwt, base, environ, problems),
    )


def openalgo_settings(
    config: Config, base: Path, environ: Mapping[str, str], problems: list[str]
) -> OpenAlgoSettings:
    """`[openalgo]`, completed from that install."""
    completed = openalgo.complete(
        config.openalgo,
        base,
        environ,
        problems,
        lambda value, where: _credential(value, where, base, environ, problems),
    )
    if not openalgo.is_local(completed.bus) and not config.proxy.allow_insecure_remote:
        problems.append(
            f"openalgo.bus: {completed.bus} can be reached from other machines, and nobody there "
            'has to prove who they are; use 127.0.0.1 (ZMQ_HOST) or bus = "off"'
        )
    if completed == OpenAlgoSettings():
        problems += [
            f"adapters.{name}.credentials.{key}: openalgo: needs a section [openalgo] with that "
            "install's env_file"
            for name, adapter in config.adapters.items()
            for key, value in adapter.credentials.items()
            if openalgo.login_user(value) is not None
        ]
    return completed


def _nats(
    nats: NatsSettings, base: Path, environ: Mapping[str, str], problems: list[str]
) -> NatsSettings:
    if not nats.enabled:
        return nats
    files = {
        key: _file(getattr(nats, key), f"nats.{key}", base, problems)
        for key in ("ca_file", "certificate_file", "key_file")
    }
    secrets = {
        key: _credential(getattr(nats, key), f"nats.{key}", base, environ, problems)
        for key in ("password", "token", "nkey", "creds")
    }
    return msgspec.structs.replace(nats, **files, **secrets)


def _jwt(
    jwt: JwtSettings, base: Path, environ: Mapping[str, str], problems: list[str]
) -> JwtSettings:
    secret = _credential(jwt.secret, "jwt.secret", base, environ, problems)
    if secret and len(secret.reveal().encode()) < _MIN_JWT_SECRET_BYTES:
        problems.append("jwt.secret: HS256 needs 32 bytes at least")
    jwks = _file(jwt.jwks, "jwt.jwks", base, problems)
    return msgspec.structs.replace(jwt, secret=secret, jwks=jwks)


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


def _options(options: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Options that name a path are relative to the file; who uses them looks at it."""
    return {
        key: str((base / value).absolute())
        if isinstance(value, str) and value and key.split("_")[-1] in _PATH_WORDS
        else value
        for key, value in options.items()
    }


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
