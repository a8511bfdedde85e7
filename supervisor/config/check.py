"""What can be wrong with a configuration: every problem is found, not only the first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from bus.errors import TopicError
from bus.secret import decode_secret
from bus.settings import Role
from bus.topics import EXCHANGES, broker_word, check_instrument, is_adapter_name
from supervisor.config.fields import fields_of
from supervisor.config.schema import NAMED_SECTIONS, Config

#: Names of processes that adapters and simulators cannot take.
RESERVED_NAMES: Final = frozenset({"supervisor", *get_args(Role)} - {"adapter", "simulator"})
_PROXY_WORKER: Final = re.compile(r"proxy-\d+")
_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


def unknown_keys(
    table: Mapping[str, Any], kind: type[Struct] = Config, where: str = ""
) -> Iterator[str]:
    """Every key that no setting has, with the nearest that one has."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        spelled = f"{where}.{key}" if where else key
        if key not in fields:
            yield f"{spelled}: unknown key; {_nearest(key, list(fields))}"
            continue
        inner = fields[key]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Struct):
            yield from unknown_keys(value, inner, spelled)
        elif isinstance(value, dict) and key in NAMED_SECTIONS:
            for name, entry in value.items():
                if isinstance(entry, dict):
                    yield from unknown_keys(entry, NAMED_SECTIONS[key], f"{spelled}.{name}")
                else:
                    yield f"{spelled}.{name}: must be a table, [{spelled}.{name}]"


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def convert(table: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    """Convert section by section, so that one wrong type does not hide the next."""
    types = {field.name: field.type for field in msgspec.structs.fields(Config)}
    for key, value in table.items():
        kind = NAMED_SECTIONS.get(key)
        if kind is None:
            yield key, _convert(value, types[key], key, problems)
            continue
        if not isinstance(value, dict):
            problems.append(f"{key}: must be tables, [{key}.NAME]")
            continue
        yield (
            key,
            {
                name: _convert(entry, kind, f"{key}.{name}", problems)
                for name, entry in value.items()
            },
        )


def _convert(value: Any, kind: Any, where: str, problems: list[str]) -> Any:
    try:
        return msgspec.convert(value, kind, dec_hook=decode_secret)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        inside = path.rstrip("`")
        text = text[0].lower() + text[1:]
        problems.append(f"{where}{inside}: {text}{_hint(kind, inside)}")
        return None


def _hint(kind: Any, inside: str) -> str:
    """What the key that is meant may be, where it is one of a table."""
    key = re.match(r"\.(\w+)", inside)
    if key is None or not (isinstance(kind, type) and issubclass(kind, Struct)):
        return ""
    known = {field.key: field.allowed for field in fields_of(kind)}
    return f"; it is {known[key[1]]}" if key[1] in known else ""


def names(config: Config) -> Iterator[str]:
    words: dict[str, str] = {}
    for name in config.adapters:
        if not is_adapter_name(name):
            yield (
                f"adapters.{name}: a name has 1 to 32 lower-case letters, digits, '_' or '-', "
                "and begins with a letter or digit"
            )
        elif (other := words.setdefault(broker_word(name), name)) != name:
            yield f"adapters.{name}: reads the same as adapters.{other} on the bus; rename one"
    for section, entries in (("adapters", config.adapters), ("simulators", config.simulators)):
        for name in entries:
            if name in RESERVED_NAMES or _PROXY_WORKER.fullmatch(name):
                yield f"{section}.{name}: this name is taken by a process of the system; rename it"
    for name in config.simulators:
        if not is_adapter_name(name):
            yield f"simulators.{name}: a name has lower-case letters, digits, '_' or '-'"
        if name in config.adapters:
            yield f"simulators.{name}: an adapter has this name; rename one of them"


def values(config: Config) -> Iterator[str]:
    yield from _recorder(config)
    yield from _nats(config)
    yield from _routing(config)
    for name, adapter in config.adapters.items():
        for key in ("url", "instruments"):
            target = getattr(adapter, key)
            if target.startswith("simulator:") and target[10:] not in config.simulators:
                yield (
                    f"adapters.{name}.{key}: no [simulators.{target[10:]}] in this file; "
                    "add it or name another"
                )


def _routing(config: Config) -> Iterator[str]:
    """Every rule names adapters of this file, and what they are to feed."""
    routing = config.routing
    rules = {"default": routing.default}
    rules |= {f"exchanges.{name}": names for name, names in routing.exchanges.items()}
    rules |= {f'symbols."{name}"': names for name, names in routing.symbols.items()}
    for key, names in rules.items():
        for name in names:
            if name not in config.adapters:
                yield f"routing.{key}: no [adapters.{name}] in this file"
    for exchange in routing.exchanges:
        if exchange not in EXCHANGES:
            yield f"routing.exchanges.{exchange}: no such exchange; known: {', '.join(EXCHANGES)}"
    for text in routing.symbols:
        exchange, colon, symbol = text.partition(":")
        if not colon or not symbol or text != text.upper():
            yield f'routing.symbols."{text}": write it like "NSE:SBIN" or "NFO:BANKNIFTY*"'


def _recorder(config: Config) -> Iterator[str]:
    recorder = config.recorder
    yield from _instruments("recorder", recorder.adapters, recorder.symbols, config)
    if recorder.budget_mb < 2 * recorder.segment_mb:
        yield "recorder.budget_mb: must have room for two segments of recorder.segment_mb"


def _nats(config: Config) -> Iterator[str]:
    nats = config.nats
    yield from _instruments("nats", nats.adapters, nats.symbols, config)
    if not nats.servers:
        yield "nats.servers: name one at least, like nats://127.0.0.1:4222"
    if bool(nats.certificate_file) != bool(nats.key_file):
        missing = "key_file" if nats.certificate_file else "certificate_file"
        yield f"nats.{missing}: a certificate needs its key and a key its certificate"
    if nats.dedupe_s > nats.max_age_s:
        yield "nats.dedupe_s: NATS wants it no longer than nats.max_age_s"
    for name, mirror in nats.mirrors.items():
        if mirror.domain and not nats.domain:
            yield f"nats.mirrors.{name}.domain: needs nats.domain, the home region's"
        if not _STREAM_NAME.fullmatch(name) or name == nats.stream:
            yield f"nats.mirrors.{name}: a stream's name, and another than nats.stream"


def _instruments(
    section: str, adapters: Iterable[str], symbols: Iterable[str], config: Config
) -> Iterator[str]:
    """What a consumer of the bus asks for by itself."""
    for name in adapters:
        if name not in config.adapters:
            yield f"{section}.adapters: no [adapters.{name}] in this file"
    for text in symbols:
        exchange, _, symbol = text.partition(":")
        try:
            check_instrument(exchange, symbol)
        except TopicError as error:
            yield f"{section}.symbols: {text!r} is not EXCHANGE:SYMBOL: {error}"
