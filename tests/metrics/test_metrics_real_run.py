"""A real Prometheus scrapes a real run: everything is there, and no counter ever steps back."""

import contextlib
import functools
import json
import math
import os
import re
import signal
import time
from pathlib import Path

import programs_on_path
import pytest
from prometheus_server import Prometheus
from tally import SYMBOLS, Counting, market

from console.metrics.catalogue import METRICS

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(240),
    programs_on_path.needs("prometheus", "promtool"),
]

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "openalgo-stream.json").read_text())
CONFIG = f"""{market(rate=500)}
[console]
enabled = true
port = 0
[recorder]
enabled = true
fsync_s = 60
[tap]
enabled = true
port = 0
"""
#: What a query of the dashboard, or a metric, has no data for in such a run.
WITHOUT_DATA = {
    "standby_ready": "no adapter here keeps a standby",
    **dict.fromkeys(
        ("bridge_up", "bridged_total", "bridge_lost_total", "bridge_queue_bytes", "bridge_sites"),
        "no NATS here",
    ),
    **dict.fromkeys(
        (
            *("openalgo_bus_listening", "openalgo_bus_invalidations_total"),
            *("openalgo_bus_orders_total", "openalgo_bus_malformed_total"),
            "openalgo_bus_unheard_total",
        ),
        "no OpenAlgo here",
    ),
    "marketdata_held_back_total": "no value here is held back",
    "Exchange to adapter": "the simulated market's time is not now",
    "Processes that are not running": "all are",
}
WINDOWS = {"$__rate_interval": "10s", "$__range": "5m", "$instance": ".*", "$process": ".*"}


@contextlib.contextmanager
def eventful(one, folder):
    """A run with clients, hand-overs, a kill and a new supervisor, all of it scraped."""
    target = one.up().process("console")["endpoint"].removeprefix("http://")
    clients = Counting(one, one.key(), SYMBOLS[:10], mode=2)
    with Prometheus(folder, target) as prometheus:

        def scraped(expression):
            return lambda: bool(prometheus.query(expression))

        one.wait_for(scraped("openalgo_stream_delivered_total > 100"), 60)
        one.run("restart", "proxy")
        one.run("restart", "zerodha")
        os.kill(one.process("recorder")["pid"], signal.SIGKILL)
        one.wait_for(lambda: one.process("recorder")["generation"] > 1 and one.settled(), 60)
        os.kill(one.status()["supervisor"]["pid"], signal.SIGKILL)
        one.wait_for(scraped("openalgo_stream_supervisor_up == 0"), 60)
        one.up()
        one.wait_for(one.settled, 60)
        one.wait_for(scraped("rate(openalgo_stream_delivered_total[10s]) > 0"), 60)
        one.wait_for(scraped("rate(openalgo_stream_recorded_total[10s]) > 0"), 60)
        one.wait_for(scraped('openalgo_stream_process_generation{process="zerodha"} == 2'), 60)
        yield prometheus
    clients.stop()


def test_a_real_prometheus_has_all_of_an_eventful_run(system, tmp_path):
    with eventful(system(CONFIG), tmp_path / "prometheus") as run:
        no_counter_and_no_histogram_ever_stepped_back(run)
        what_happened_is_told(run)
        every_metric_has_data_or_a_reason_for_none(run)
        labels_are_few_and_none_is_a_symbol_or_a_key(run)
        every_query_of_the_dashboard_has_data_or_a_reason_for_none(run)
        alerts_are_loaded_and_none_of_their_rules_fails(run)


def no_counter_and_no_histogram_ever_stepped_back(run):
    for metric in METRICS:
        if metric.kind == "gauge":
            continue
        name = metric.full_name + ("_count" if metric.kind == "histogram" else "")
        stepped = [one for one in run.query(f"resets({name}[10m])") if one[1] > 0]
        assert stepped == [], name


def what_happened_is_told(run):
    def total(name, **labels):
        wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
        ((_, value),) = run.query(f"openalgo_stream_{name}{{{wanted}}}")
        return value

    assert total("handovers_total", process="zerodha") == 1
    assert total("handovers_total", process="proxy") == 1
    assert total("handover_gap_seconds_count", process="zerodha") == 1
    assert total("process_restarts_total", process="recorder") >= 1
    assert total("process_generation", process="zerodha") == 2
    assert total("lost_ticks_total", process="proxy") == 0
    assert total("clients", process="proxy") == 1
    assert total("supervisor_up") == 1
    ticks, published = (
        total("ticks_total", process="proxy"),
        total("published_total", process="zerodha"),
    )
    assert 0 < ticks <= published


def every_metric_has_data_or_a_reason_for_none(run):
    there = {labels["__name__"] for labels, _ in run.query('{job="openalgo-stream"}')}
    buckets = {one.full_name: "_bucket" for one in METRICS if one.kind == "histogram"}
    missing = {
        one.name for one in METRICS if one.full_name + buckets.get(one.full_name, "") not in there
    }
    assert missing <= WITHOUT_DATA.keys()


def labels_are_few_and_none_is_a_symbol_or_a_key(run):
    samples = run.query('{__name__=~"openalgo_stream_.*"}')
    names = {name for labels, _ in samples for name in labels}
    assert names == {
        *("__name__", "instance", "job", "process", "role"),
        *("state", "place", "reason", "le", "version"),
    }
    values = {value for labels, _ in samples for name, value in labels.items() if name != "le"}
    assert not any("COUNT" in value or "test" in value for value in values)
    print(f"{len(samples)} samples of {len(METRICS)} metrics")
    assert len(samples) < 2000


def every_query_of_the_dashboard_has_data_or_a_reason_for_none(run):
    asked = [
        (one["title"], t["expr"]) for one in DASHBOARD["panels"] for t in one.get("targets", ())
    ]
    print(f"{len(asked)} queries of the dashboard")

    def is_empty(title, expression):
        metrics = set(re.findall(r"openalgo_stream_([a-z_]+)", expression))
        if any(WITHOUT_DATA.get(one) for one in (title, *metrics)):
            return False
        filled = functools.reduce(lambda text, one: text.replace(*one), WINDOWS.items(), expression)
        return all(math.isnan(value) for _, value in run.query(filled))

    # A rate needs two scrapes in its window, which a busy machine may have missed just now.
    deadline = time.monotonic() + 60
    while asked := [one for one in asked if is_empty(*one)]:
        assert time.monotonic() < deadline, asked
        time.sleep(0.5)


def alerts_are_loaded_and_none_of_their_rules_fails(run):
    rules = [rule for group in run.api("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == (ROOT / "deploy/prometheus/alerts.yml").read_text().count("- alert:")
    assert {rule["health"] for rule in rules} == {"ok"}
