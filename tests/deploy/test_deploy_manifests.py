"""Dockerfile, compose files and manifests are what their own tools take."""

import json
import subprocess
from pathlib import Path

import pytest

from supervisor import config

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


@pytest.fixture
def tool(peer_python):
    """`tool(name, *arguments)`: its exit code, and what it said."""

    def run(name, *arguments):
        program = peer_python("deploy").parent / name
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_hadolint_has_nothing_to_say_of_the_dockerfile(tool):
    assert tool("hadolint", DEPLOY / "Dockerfile") == (0, "")


@pytest.mark.parametrize("file", sorted(DEPLOY.glob("compose*.yaml")), ids=lambda f: f.name)
def test_compose_files_fit_the_schema_of_compose(tool, file):
    status, told = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    assert status == 0, told


@pytest.mark.parametrize("file", sorted((DEPLOY / "kubernetes").iterdir()), ids=lambda f: f.name)
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_fit_the_schemas_of_kubernetes(tool, file, version):
    status, told = tool("kubernetes-validate", "--strict", "-k", version, file)
    assert status == 0, told


#: The configurations in a file of YAML, by name, as JSON.
_CONFIGURATIONS = """
import json, sys, yaml
told = {}
for one in yaml.safe_load_all(open(sys.argv[1])):
    told |= {name: config["content"] for name, config in one.get("configs", {}).items()}
    told |= one.get("data", {})
print(json.dumps(told))
"""
VARIABLES = {"KITE_API_KEY": "k", "KITE_ACCESS_TOKEN": "t", "NATS_TOKEN": "n"}


@pytest.fixture
def configurations(peer_python, tmp_path):
    """`configurations(file)`: what is written in it, loaded."""

    def load(name, text):
        file = tmp_path / f"{name}.toml"
        file.write_text(text)
        return config.load(file, VARIABLES)

    def configurations(path):
        command = [peer_python("deploy"), "-c", _CONFIGURATIONS, DEPLOY / path]
        told = subprocess.run(command, capture_output=True, check=True).stdout
        return {name: load(name, text) for name, text in json.loads(told).items()}

    return configurations


def test_the_configuration_in_the_manifest_is_right(configurations):
    (loaded,) = configurations("kubernetes/openalgo-stream.yaml").values()
    assert loaded.adapters["zerodha"].credentials["access_token"].reveal() == "t"
    assert loaded.proxy.hosts == ["openalgo-stream"]


def test_several_containers_read_the_stream_that_one_of_them_writes(configurations):
    loaded = configurations("compose.several.yaml")
    written, read = loaded["zerodha"].nats, loaded["edge"].adapters["zerodha"]
    assert written.enabled
    assert read.options["servers"] == written.servers
    assert read.options["adapter"] in loaded["zerodha"].adapters
    assert read.credentials["token"].reveal() == written.token.reveal() == "n"


def test_a_wrong_manifest_would_be_seen(tool, tmp_path):
    text = (DEPLOY / "kubernetes" / "openalgo-stream.yaml").read_text()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("readinessProbe:", "readinesProbe:"))
    assert tool("kubernetes-validate", "--strict", wrong)[0] != 0


def test_a_wrong_compose_file_would_be_seen(tool, tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("cap_drop", "cap_dropp"))
    status, _ = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", wrong)
    assert status != 0
