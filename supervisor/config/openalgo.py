"""`[openalgo]` completed from that install's own `.env`, and from the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from bus.access import OpenAlgoSettings
from bus.secret import Secret
from supervisor.config.schema import Config

_SQLITE: Final = "sqlite:///"
_DATABASE: Final = "sqlite:///db/openalgo.db"
#: Relative to that install.
_STATS_FILE: Final = "log/ws_proxy_stats.json"
_MIN_PEPPER_LENGTH: Final = 32
#: A credential that is that of today's login to the broker; a user may follow.
LOGIN: Final = "openalgo:"
#: What `bus` says to have no such socket.
OFF: Final = "off"


def complete(
    settings: OpenAlgoSettings,
    base: Path,
    environ: Mapping[str, str],
    problems: list[str],
    credential: Callable[[Secret, str], Secret],
) -> OpenAlgoSettings:
    """The section with nothing left out; as it is when the file has no such section.

    `base` is what relative paths are relative to; `credential` fetches `env:` and `file:`.
    """
    if settings == OpenAlgoSettings():
        return settings
    root, known = base, dict(environ)
    if settings.env_file:
        env_file = (base / settings.env_file).absolute()
        root = env_file.parent
        try:
            known |= read_env(env_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            problems.append(f"openalgo.env_file: {env_file} cannot be read: {reason}")
            return settings
    pepper = credential(settings.pepper, "openalgo.pepper") or Secret(
        known.get("API_KEY_PEPPER", "")
    )
    if len(pepper.reveal()) < _MIN_PEPPER_LENGTH:
        problems.append(
            "openalgo.pepper: OpenAlgo's API_KEY_PEPPER has 32 characters at least; "
            "name its .env as env_file"
        )
    salt = credential(settings.fernet_salt, "openalgo.fernet_salt") or Secret(
        known.get("FERNET_SALT", "")
    )
    app = credential(settings.broker_api_key, "openalgo.broker_api_key") or Secret(
        known.get("BROKER_API_KEY", "")
    )
    if settings.database:
        database = _database(settings.database, base, problems)
    else:
        database = _database(known.get("DATABASE_URL", _DATABASE), root, problems)
    return msgspec.structs.replace(
        settings,
        database=database,
        pepper=pepper,
        fernet_salt=salt,
        broker_api_key=app,
        bus=_bus(settings.bus, known),
    )


def stats_file(config: Config, base: Path) -> str:
    """Where OpenAlgo's health page looks for figures of the proxy; empty: nowhere."""
    named = config.proxy.stats_file
    if named == OFF:
        return ""
    if named:
        return str((base / named).absolute())
    if not config.openalgo.env_file:
        return ""
    env_file = (base / config.openalgo.env_file).absolute()
    try:
        known = read_env(env_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):  # `complete` says so
        return ""
    return str(env_file.parent / (known.get("WS_PROXY_STATS_FILE") or _STATS_FILE))


def login_user(value: Secret) -> str | None:
    """Whose login a credential is to come from, empty for anybody's; None: from none."""
    text = value.reveal()
    return text.removeprefix(LOGIN) if text.startswith(LOGIN) else None


def read_env(text: str) -> dict[str, str]:
    """The variables of a `.env` file: quotes and spaces around `=` as OpenAlgo allows them."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or name.startswith("#"):
            continue
        if value[:1] in {"'", '"'} and (end := value.find(value[0], 1)) > 0:
            value = value[1:end]
        else:
            value = value.partition(" #")[0].strip()
        found[name] = value
    return found


def _database(url: str, root: Path, problems: list[str]) -> str:
    if "://" in url and not url.startswith(_SQLITE):
        kind = url.partition(":")[0]
        problems.append(
            f"openalgo.database: {kind} databases cannot be read by this version, only SQLite; "
            "use keys of `openalgo-stream keys create`"
        )
        return ""
    path = (root / url.removeprefix(_SQLITE)).absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        problems.append(f"openalgo.database: {path} cannot be read: {error.strerror}")
        return ""


def is_local(endpoint: str) -> bool:
    """Whether only this machine reaches an endpoint (or nobody, when there is none)."""
    place = endpoint.removeprefix("tcp://")
    return place.startswith(("127.", "localhost:", "[::1]:")) or place == endpoint


def _bus(endpoint: str, known: Mapping[str, str]) -> str:
    if endpoint == OFF:
        return ""
    if endpoint:
        return endpoint
    return f"tcp://{known.get('ZMQ_HOST', '127.0.0.1')}:{known.get('ZMQ_PORT', '5555')}"
