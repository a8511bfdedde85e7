"""A configuration becomes the processes to manage, each with the settings it is born with.

What depends on another process (an adapter aimed at a simulator of this file) is looked up
when the process is spawned, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from bus.settings import (
    AdapterBootstrap,
    AdapterEntry,
    AdapterSettings,
    ConsoleBootstrap,
    MetricsBootstrap,
    MetricsSettings,
    ProxyBootstrap,
    SimulatorSettings,
)
from supervisor.config import Config
from supervisor.consumers import CONSUMERS, Consumer
from supervisor.instance.paths import StatePaths
from supervisor.processes import workers
from supervisor.processes.managed import Managed
from supervisor.vault import Vault

_SIMULATOR: Final = "simulator:"


def processes(
    config: Config,
    vault: Vault,
    paths: StatePaths,
    random: Random,
    existing: Mapping[str, Managed] = MappingProxyType({}),
) -> list[Managed]:
    """Every process of a configuration, in the order in which `status` shows them.

    `existing` are those that live already under another configuration: their addresses are
    what others are told.
    """
    simulators = {
        name: _simulator(name, settings, paths, random, existing.get(name))
        for name, settings in config.simulators.items()
    }
    living = {name: existing.get(name, made) for name, made in simulators.items()}
    adapters = [
        _adapter(name, settings, config, living, vault, paths, random)
        for name, settings in config.adapters.items()
    ]
    entries = [AdapterEntry(name, a.broker, a.user) for name, a in config.adapters.items()]
    proxy_settings = ProxyBootstrap(
        proxy=config.proxy,
        adapters=entries,
        keys_path=str(paths.keys),
        access=config.access,
        routing=config.routing,
        market=config.market,
        stats_path=config.proxy.stats_file,
    )
    made = [
        *simulators.values(),
        *adapters,
        *_consumers(config, paths, random),
        *workers.proxies(proxy_settings, paths, random),
        *([_metrics(config.metrics_apart, paths, random)] if config.metrics_apart else []),
        *([_console(config, paths, random)] if config.console.enabled else []),
    ]
    for process in made:
        process.max_rss_bytes = _limit(config, process.name)
        if process.name in existing:
            process.last_endpoint = existing[process.name].last_endpoint
    return made


def _limit(config: Config, name: str) -> int | None:
    adapter = config.adapters.get(name)
    own = adapter.max_rss_mb if adapter is not None else None
    limit_mb = own or config.supervisor.max_rss_mb
    return limit_mb * 1_000_000 if limit_mb else None


def _consumers(config: Config, paths: StatePaths, random: Random) -> Iterator[Managed]:
    """Those that are switched on."""
    for consumer in CONSUMERS:
        if consumer.settings(config, paths, "") is not None:
            yield _consumer(consumer, config, paths, random)


def _consumer(consumer: Consumer, config: Config, paths: StatePaths, random: Random) -> Managed:
    def current() -> Struct | None:
        return consumer.settings(config, paths, managed.last_endpoint)

    managed = Managed(consumer.role, consumer.role, current, paths.log(consumer.role), random)
    return managed


def _metrics(settings: MetricsSettings, paths: StatePaths, random: Random) -> Managed:
    """Its second life gets the port of its first, so that Prometheus finds it again."""

    def current() -> MetricsBootstrap:
        port = settings.port or _port_of(managed.last_endpoint)
        return MetricsBootstrap(
            metrics=msgspec.structs.replace(settings, port=port), run_file=str(paths.run_file)
        )

    managed = Managed("metrics", "metrics", current, paths.log("metrics"), random)
    return managed


def _console(config: Config, paths: StatePaths, random: Random) -> Managed:
    """Its second life gets the port of its first, so that browsers find it again."""

    def current() -> ConsoleBootstrap:
        port = config.console.port or _port_of(managed.last_endpoint)
        return ConsoleBootstrap(
            console=msgspec.structs.replace(config.console, port=port),
            run_file=str(paths.run_file),
            logs=str(paths.logs),
            instruments=str(paths.instruments),
            keys_path=str(paths.keys),
            websocket_url=config.proxy.public_url,
            metrics=config.metrics
            if config.metrics.enabled and config.metrics_apart is None
            else None,
            access=config.access,
        )

    managed = Managed("console", "console", current, paths.log("console"), random)
    return managed


def _simulator(
    name: str,
    settings: SimulatorSettings,
    paths: StatePaths,
    random: Random,
    living: Managed | None,
) -> Managed:
    """Its second life gets the port of its first, so that adapters find it again."""

    def current() -> SimulatorSettings:
        port = settings.port or _port_of((living or managed).last_endpoint)
        return msgspec.structs.replace(settings, port=port) if port else settings

    managed = Managed(name, "simulator", current, paths.log(name), random)
    return managed


def _adapter(
    name: str,
    settings: AdapterSettings,
    config: Config,
    simulators: dict[str, Managed],
    vault: Vault,
    paths: StatePaths,
    random: Random,
) -> Managed:
    def current() -> AdapterBootstrap:
        adapter = msgspec.structs.replace(
            settings,
            credentials=vault.of(name),
            url=_aimed(settings.url, simulators, lambda address: address),
            instruments=_aimed(
                settings.instruments,
                simulators,
                lambda address: address.replace("ws://", "http://") + "/instruments",
            ),
        )
        return AdapterBootstrap(
            adapter=adapter,
            market=config.market,
            state=str(paths.instruments),
            lane_mib=config.lane_mib(settings),
        )

    managed = Managed(name, "adapter", current, paths.log(name), random)
    managed.broker, managed.keeps_standby = settings.broker, settings.standby
    return managed


def _aimed(value: str, simulators: dict[str, Managed], form: Callable[[str], str]) -> str:
    """`simulator:NAME` as that simulator's address now."""
    if not value.startswith(_SIMULATOR):
        return value
    return form(simulators[value.removeprefix(_SIMULATOR)].last_endpoint)


def _port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2]) if endpoint else 0
