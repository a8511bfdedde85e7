"""What is shipped for Prometheus and Grafana holds together, by its own tools."""

import json
import re
import subprocess
from pathlib import Path

import programs_on_path
import pytest

from console.metrics.catalogue import METRICS, PREFIX, SYSTEM

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "openalgo-stream.json").read_text())
needs_promtool = programs_on_path.needs("promtool")


def names():
    """Every name that a sample can have."""
    for one in (*METRICS, *SYSTEM):
        yield PREFIX + one.name
        if one.kind == "histogram":
            yield from (f"{PREFIX}{one.name}_{part}" for part in ("bucket", "count", "sum"))


def panels():
    return [one for one in DASHBOARD["panels"] if one["type"] != "row"]


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", PROMETHEUS / "prometheus.yml"),
        ("check", "rules", PROMETHEUS / "alerts.yml"),
        ("test", "rules", "alerts.yml"),
        ("test", "rules", "alerts_by_the_clock.yml"),
    ],
)
def test_promtool_is_content(arguments):
    command = [programs_on_path.find("promtool"), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_use_metrics_that_there_are_and_each_has_a_test():
    text = (PROMETHEUS / "alerts.yml").read_text()
    assert set(re.findall(r"openalgo_stream_[a-z_]+", text)) <= set(names())
    alerts = re.findall(r"- alert: (\w+)", text)
    folder = Path(__file__).parent
    tested = (folder / "alerts.yml").read_text() + (folder / "alerts_by_the_clock.yml").read_text()
    quiet = {"MetricsMissing"}  # counted with SupervisorMissing, of another instance
    assert {one for one in alerts if f'alertname="{one}"' not in tested} <= quiet
    assert text.count("severity: ") == text.count("summary: ") == len(alerts)
    assert text.count("description: ") == len(alerts)


def test_the_dashboard_has_the_shape_that_grafana_imports():
    assert DASHBOARD["schemaVersion"] >= 36
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("openalgo-stream", "openalgo-stream")
    assert "id" not in DASHBOARD  # Grafana gives it one
    variables = {one["name"]: one["type"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query", "process": "query"}
    every = DASHBOARD["panels"]
    assert len({one["id"] for one in every}) == len(every)
    for one in every:
        place = one["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, one["title"]
        assert one["title"], one
    for one in panels():
        assert one["type"] in {"stat", "timeseries", "table", "state-timeline"}
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert one["targets"], one["title"]
        for target in one["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["expr"], one["title"]
        assert len({t["refId"] for t in one["targets"]}) == len(one["targets"])
        assert one["fieldConfig"]["defaults"], one["title"]


def test_panels_do_not_lie_on_one_another():
    taken = set()
    for one in DASHBOARD["panels"]:
        place = one["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, one["title"]
        taken |= cells


def test_the_dashboard_uses_metrics_that_there_are_and_shows_most():
    used = set(re.findall(r"openalgo_stream_[a-z_]+", json.dumps(DASHBOARD)))
    assert used <= set(names())
    stems = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    unseen = {one.full_name for one in METRICS} - stems
    assert len(unseen) < len(METRICS) / 3, sorted(unseen)
