"""Where no console runs, a process of its own serves metrics, and a taken port is said so."""

import socket
import urllib.error
import urllib.request

import pytest

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


def get(url, token=""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_process_of_its_own_serves_them_and_comes_back_at_its_port(system):
    one = system('[metrics]\nport = 0\ntoken = "planted-scraper"\n').up("--demo")
    assert "console" not in {found["name"] for found in one.status()["processes"]}
    address = one.process("metrics")["endpoint"]
    assert get(f"{address}/metrics")[0] == 401
    status, text = get(f"{address}/metrics", "planted-scraper")
    assert status == 200
    assert 'openalgo_stream_process_state{process="metrics",role="metrics",state="running"}' in text
    assert "planted" not in text
    assert get(f"{address}/healthz") == (200, "ok\n")
    assert get(f"{address}/api/me")[0] == 404  # nothing of the console's
    one.run("restart", "metrics")
    assert one.process("metrics")["endpoint"] == address
    assert get(f"{address}/metrics", "planted-scraper")[0] == 200


def test_a_port_that_is_taken_is_said_before_anything_starts(system):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = system(f"[metrics]\nport = {port}\n").run("up", "--demo", "--detach", check=False)
    assert done.returncode == 1
    assert f"metrics.port: 127.0.0.1:{port} cannot be bound" in done.stderr
