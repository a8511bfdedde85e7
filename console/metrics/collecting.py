"""A status becomes families of samples. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family

from bus.control.messages import ProcessStatus, StatusReply
from bus.measuring.latency import BOUNDS_US, Latency
from console.metrics.catalogue import (
    BUILD,
    LABELS,
    METRICS,
    PREFIX,
    REFUSED,
    UP,
    UPTIME,
    Metric,
    SystemMetric,
)

_BOUNDS: tuple[str, ...] = tuple(repr(bound / 1e6) for bound in BOUNDS_US)


def families(reply: StatusReply | None) -> Iterator[Family]:
    """All of it; without a status only that there is none."""
    yield _gauge(UP, float(reply is not None))
    if reply is None:
        return
    supervisor = reply.supervisor
    yield _gauge(UPTIME, supervisor.uptime_s)
    refused = CounterMetricFamily(PREFIX + REFUSED.name, REFUSED.help)
    refused.add_metric([], supervisor.control_refused_total)
    yield refused
    build = InfoMetricFamily(PREFIX + BUILD.name.removesuffix("_info"), BUILD.help)
    build.add_metric([], {"version": supervisor.version})
    yield build
    for metric in METRICS:
        family = _family(metric, reply.processes)
        if family.samples:
            yield family


def _gauge(metric: SystemMetric, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + metric.name, metric.help, value=value)


def _family(metric: Metric, processes: Iterable[ProcessStatus]) -> Family:
    labels = [*LABELS, *metric.labels]
    family: Family
    match metric.kind:
        case "counter":
            family = CounterMetricFamily(metric.full_name, metric.help, labels=labels)
        case "gauge":
            family = GaugeMetricFamily(metric.full_name, metric.help, labels=labels)
        case "histogram":
            family = HistogramMetricFamily(metric.full_name, metric.help, labels=labels)
    for process in processes:
        if metric.roles and process.role not in metric.roles:
            continue
        for values, found in metric.read(process):
            _add(family, [process.name, process.role, *values], found)
    return family


def _add(family: Family, values: list[str], found: float | Latency) -> None:
    if isinstance(found, Latency):
        if isinstance(family, HistogramMetricFamily):
            family.add_metric(values, _buckets(found), sum_value=found.sum_us / 1e6)
    elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
        family.add_metric(values, found)


def _buckets(latency: Latency) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus counts; the last has no end."""
    below, buckets = 0, []
    for bound, count in zip((*_BOUNDS, "+Inf"), latency.counts, strict=False):
        below += count
        buckets.append((bound, float(below)))
    return buckets
