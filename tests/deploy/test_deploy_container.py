"""The Dockerfile's steps by hand, since Docker is not everywhere: built, started, probed, stopped.

Each RUN of the build stage is carried out as it stands, but for its folders, on what the ignore
file lets through. Then the last stage's command runs with its environment.
"""

import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PREFIX = "/opt/openalgo-stream"
STATE = "/var/lib/openalgo-stream"
PORTS = "[proxy]\nport = 0\n[marketdata]\nport = 0\n[console]\nenabled = false\n"
pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(400)]


def steps(stage):
    """(instruction, arguments) of a stage, 0 or 1; continued lines are joined."""
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    starts = [i for i, line in enumerate(lines) if line.startswith("FROM ")] + [len(lines)]
    return [tuple(line.split(None, 1)) for line in lines[starts[stage] + 1 : starts[stage + 1]]]


def context(folder):
    """What `COPY . .` has: the files that the ignore file lets through."""
    rules = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    taken = [rule[1:] for rule in rules if rule.startswith("!")]
    left = [rule.removeprefix("**/") for rule in rules if not rule.startswith(("!", "#", "*\n"))]

    def ignore(where, names):
        here = Path(where).relative_to(ROOT)
        return [
            n
            for n in names
            if any(fnmatch.fnmatch(p, r) for r in left if r != "*" for p in (n, str(here / n)))
        ]

    for name in taken:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder that the last stage copies."""
    source = tmp_path_factory.mktemp("src")
    prefix = tmp_path_factory.mktemp("opt") / "openalgo-stream"
    context(source)
    python = Path(sys._base_executable).parent
    environment = {**os.environ, "PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}
    for instruction, line in steps(0):
        if instruction == "RUN":
            subprocess.run(  # noqa: S602 - in a shell, as Docker does
                line.replace(PREFIX, str(prefix)),
                shell=True,
                cwd=source,
                check=True,
                env=environment,
            )
    return prefix


@pytest.fixture
def container(built, tmp_path):
    """Arguments -> the last stage's program with its environment, on loopback."""
    (tmp_path / "state").mkdir()

    def adapt(text):
        text = text.replace(PREFIX, str(built)).replace(STATE, str(tmp_path / "state"))
        return text.replace("0.0.0.0", "127.0.0.1")

    environment = {"HOME": str(tmp_path)}
    for instruction, line in steps(1):
        if instruction == "ENV":
            for one in shlex.split(adapt(line)):
                key, _, value = one.partition("=")
                environment[key] = value.replace("$PATH", os.environ["PATH"])

    def start(*arguments, **options):
        return subprocess.Popen(
            arguments, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True, **options
        )

    return start


def command(name):
    return next(line for instruction, line in steps(1) if instruction == name)


def finished(process):
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_the_image_runs_the_demo_is_probed_and_stops_in_order(container, tmp_path):
    (tmp_path / "openalgo-stream.toml").write_text(PORTS)
    entry = json.loads(command("ENTRYPOINT"))
    assert entry[:2] == ["tini", "--"]
    up = container(*entry[2:], *json.loads(command("CMD")), "--demo")
    try:
        while "API key" not in (line := up.stdout.readline()):
            assert line or up.poll() is None, "it ended"
        status, told = finished(container("openalgo-stream", "status", "--json"))
        assert status == 0
        processes = {p["name"]: p for p in json.loads(told)["processes"]}
        assert processes["proxy"]["state"] == "running"
        port = processes["proxy"]["endpoint"].rpartition(":")[2]
        probe = json.loads(command("HEALTHCHECK").partition("CMD ")[2])
        probe = [word.replace(":8765/", f":{port}/") for word in probe]
        assert finished(container(*probe))[0] == 0
        assert (tmp_path / "state" / "state" / "keys.db").exists(), "it is not in the volume"
        up.send_signal(signal.SIGTERM)
        assert finished(up)[0] == 0
        assert finished(container(*probe, stderr=subprocess.DEVNULL))[0] != 0
    finally:
        if up.poll() is None:
            up.kill()
            up.communicate()


def test_nobody_is_root_in_it():
    assert command("USER") == "10001"
