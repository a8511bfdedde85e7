"""The metrics: a status becomes families of samples; who may scrape; the table in the docs."""

import asyncio
import re
from pathlib import Path

import httpx
import metrics_page
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from bus.control.messages import ProcessStatus, StatusReply, SupervisorStatus, Totals
from bus.errors import UnreachableError
from bus.measuring.latency import BOUNDS_US, LatencyMeter
from bus.secret import Secret
from console.metrics.catalogue import METRICS, PREFIX, SYSTEM
from console.metrics.collecting import families
from console.metrics.exporter import Exporter
from console.metrics.reading import STATES
from supervisor.processes.lifecycle import State


def counted(*values_ns):
    meter = LatencyMeter()
    for value in values_ns:
        meter.note(value)
    return meter.counted()


def process(name="zerodha", role="adapter", **fields):
    usual = {
        "state": "running", "pid": 7, "generation": 3, "restarts": 2, "uptime_s": 12.5,
        "endpoint": "tcp://127.0.0.1:1", "cpu_percent": 50.0, "rss_bytes": 1000,
        "heartbeat_age_s": 0.4, "stats": {},
    }  # fmt: skip
    return ProcessStatus(name=name, role=role, **(usual | fields))


def status(*processes):
    return StatusReply(SupervisorStatus(1, 99.0, "0.1.0", 4), list(processes))


def samples(reply):
    """Sample -> value, of the families as they are."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families(reply)
        for sample in family.samples
    }


def value(reply, name, **labels):
    found = samples(reply)
    return found.get((PREFIX + name, *sorted(labels.items())))


ADAPTER = {"process": "zerodha", "role": "adapter"}


def test_without_a_supervisor_only_that_is_told():
    assert samples(None) == {("openalgo_stream_supervisor_up",): 0.0}


def test_the_system_as_a_whole():
    reply = status()
    assert value(reply, "supervisor_up") == 1
    assert value(reply, "supervisor_uptime_seconds") == 99
    assert value(reply, "control_refused_total") == 4
    assert value(reply, "build_info", version="0.1.0") == 1


def test_counters_are_of_all_generations_and_gauges_of_this_one():
    one = process(
        stats={"ticks_total": 5, "symbols": 40, "broker_state": "connected"},
        totals=Totals({"ticks_total": 1005, "restarts_total": 2}),
    )
    reply = status(one)
    assert value(reply, "ticks_total", **ADAPTER) == 1005
    assert value(reply, "subscribed_instruments", **ADAPTER) == 40
    assert value(reply, "broker_connected", **ADAPTER) == 1
    assert value(reply, "process_restarts_total", **ADAPTER) == 2
    assert value(reply, "handovers_total", **ADAPTER) == 0
    assert value(reply, "process_cpu_ratio", place="active", **ADAPTER) == 0.5


def test_a_process_that_is_down_keeps_its_counters_and_has_no_figures_of_now():
    one = process(
        state="needs_token", pid=None, cpu_percent=None, rss_bytes=None, uptime_s=None,
        heartbeat_age_s=None, totals=Totals({"ticks_total": 7}),
        stats={"broker_state": "connected", "symbols": 3},  # as it said last
    )  # fmt: skip
    reply = status(one)
    assert value(reply, "ticks_total", **ADAPTER) == 7
    assert value(reply, "token_needed", **ADAPTER) == 1
    assert value(reply, "process_state", state="needs_token", **ADAPTER) == 1
    assert value(reply, "process_state", state="running", **ADAPTER) == 0
    assert value(reply, "subscribed_instruments", **ADAPTER) is None
    for name in ("broker_connected", "process_uptime_seconds", "process_heartbeat_age_seconds"):
        assert value(reply, name, **ADAPTER) is None


def test_a_standby_is_told_beside_its_active_one():
    standby = process(state="starting", rss_bytes=77)
    reply = status(process(standby=standby))
    assert value(reply, "standby_ready", **ADAPTER) == 0
    assert value(reply, "process_resident_memory_bytes", place="standby", **ADAPTER) == 77
    assert value(status(process()), "standby_ready", **ADAPTER) is None


def test_figures_of_one_name_in_two_roles_are_kept_apart():
    both = {"queue_bytes": 10, "clients": 3}
    reply = status(
        process("proxy", "proxy", stats=both),
        process("recorder", "recorder", stats=both),
        process("sim", "simulator", stats=both),
    )
    assert value(reply, "client_queue_bytes", process="proxy", role="proxy") == 10
    assert value(reply, "recorder_queue_bytes", process="recorder", role="recorder") == 10
    assert value(reply, "clients", process="proxy", role="proxy") == 3
    assert value(reply, "clients", process="sim", role="simulator") is None


def test_what_openalgo_s_bus_counts_has_a_metric_each():
    counts = {
        "invalidations_total": 2, "orders_relayed_total": 3,
        "malformed_total": 4, "unheard_total": 5,
    }  # fmt: skip
    labels = {"process": "openalgo-bus", "role": "openalgo-bus"}
    bus = process("openalgo-bus", "openalgo-bus", stats={"listening": False}, totals=Totals(counts))
    reply = status(bus)
    assert value(reply, "openalgo_bus_listening", **labels) == 0
    assert value(reply, "openalgo_bus_invalidations_total", **labels) == 2
    assert value(reply, "openalgo_bus_orders_total", **labels) == 3
    assert value(reply, "openalgo_bus_malformed_total", **labels) == 4
    assert value(reply, "openalgo_bus_unheard_total", **labels) == 5
    assert value(reply, "client_malformed_total", **labels) is None


def test_reasons_become_labels():
    counts = {"quarantined_total": 3, "quarantined_bad_price": 2, "quarantined_bad_book": 1}
    reply = status(process(totals=Totals(counts)))
    assert value(reply, "quarantined_total", reason="bad_price", **ADAPTER) == 2
    assert value(reply, "quarantined_total", reason="total", **ADAPTER) is None


def test_what_was_lost_while_clients_moved_is_lost():
    totals = Totals({"lost_total": 4, "arrival_lost_total": 2})
    reply = status(process("proxy", "proxy", totals=totals))
    assert value(reply, "lost_ticks_total", process="proxy", role="proxy") == 6


@given(st.lists(st.integers(0, 20 * 10**9), max_size=50))
def test_histograms_are_cumulative_and_in_seconds(values_ns):
    reply = status(process(totals=Totals({}, {"publish": counted(*values_ns)})))
    found = samples(reply)
    name = f"{PREFIX}adapter_to_bus_seconds"
    buckets = [
        (float(dict(key[1:])["le"]), amount)
        for key, amount in found.items()
        if key[0] == f"{name}_bucket"
    ]
    assert len(buckets) == len(BOUNDS_US) + 1
    assert buckets == sorted(buckets)
    for bound, amount in buckets:
        assert amount == sum(one <= bound * 1e9 for one in values_ns)
    assert found[f"{name}_count", *sorted(ADAPTER.items())] == len(values_ns)
    total_s = found[f"{name}_sum", *sorted(ADAPTER.items())]
    assert abs(total_s - sum(values_ns) / 1e9) < 1e-5


def test_states_are_those_that_a_process_can_have():
    assert set(STATES) == set(State)


def test_names_follow_the_conventions_and_labels_have_few_values():
    names = [one.full_name for one in METRICS] + [PREFIX + one.name for one in SYSTEM]
    assert len(names) == len(set(names))
    for one in METRICS:
        assert one.full_name.endswith("_total") == (one.kind == "counter"), one.name
        assert one.kind != "histogram" or one.name.endswith("_seconds"), one.name
        assert not re.search(r"_(ms|us|ns|mb|percent)(_|$)", one.name), one.name
        assert set(one.labels) <= {"state", "place", "reason"}, one.name
        assert one.help.endswith("."), one.name


def test_the_table_in_the_docs_is_that_of_the_code():
    page = metrics_page.PAGE.read_text()
    assert metrics_page.made(page) == page, "run python tests/support/metrics_page.py"


# --- who may scrape ---------------------------------------------------------------------------


class Site:
    def __init__(self, token="", peer="127.0.0.1"):
        self.now = 0.0
        self.asked = 0
        self.reply = status(process())
        exporter = Exporter(self.ask, Secret(token), lambda: self.now)
        self.transport = httpx.ASGITransport(
            Starlette(routes=[Route("/metrics", exporter.answer)]), client=(peer, 1)
        )

    async def ask(self):
        self.asked += 1
        if self.reply is None:
            raise UnreachableError("nobody")
        return self.reply

    def get(self, **headers):
        async def work():
            async with httpx.AsyncClient(
                transport=self.transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.get("/metrics", headers=headers)

        return asyncio.run(work())


def test_what_is_served_is_what_prometheus_reads():
    answer = Site().get()
    assert answer.headers["content-type"].startswith("text/plain")
    read = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"openalgo_stream_supervisor_up", "openalgo_stream_process_state"} <= read
    modern = Site().get(accept="application/openmetrics-text; version=1.0.0")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


def test_scrapes_at_once_ask_once_and_later_ones_again():
    site = Site()
    site.get()
    site.get()
    assert site.asked == 1
    site.now = 1.0
    site.reply = None
    assert "openalgo_stream_supervisor_up 0.0" in site.get().text
    assert site.asked == 2


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.5", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.5"}, 403),
    ],
)
def test_without_a_token_only_this_machine_may_scrape(peer, headers, expected):
    assert Site(peer=peer).get(**headers).status_code == expected


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer right", 200),
        ("bearer right", 200),
        ("Bearer wrong", 401),
        ("Basic right", 401),
        ("right", 401),
        ("", 401),
    ],
)
def test_with_a_token_whoever_has_it_may(authorization, expected):
    site = Site(token="right", peer="10.0.0.5")
    answer = site.get(**({"Authorization": authorization} if authorization else {}))
    assert answer.status_code == expected
    assert "right" not in answer.text


def test_the_page_of_the_docs_exists_where_the_readme_points():
    assert "docs/metrics.md" in (Path(metrics_page.ROOT) / "README.md").read_text()
