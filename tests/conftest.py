"""Shared by all tests: where the recorded data is, one printed seed, hypothesis settings."""

import os
import random
from pathlib import Path

import peer_env
import programs_on_path
import pytest
from hypothesis import HealthCheck, settings
from system import System

ROOT = Path(__file__).resolve().parent.parent
SEED = int(os.environ.get("OPENALGO_STREAM_TEST_SEED", "20261121"))

settings.register_profile(
    "default",
    deadline=None,  # a shared machine stalls now and then; nothing here is a timed test
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")


def pytest_report_header():
    return f"seed: {SEED} (OPENALGO_STREAM_TEST_SEED), recorded data: {_data_folder() or 'missing'}"


def _data_folder() -> Path | None:
    named = os.environ.get("OPENALGO_STREAM_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def pytest_configure():
    """Tests skip, and say so, without the program that they drive; in CI all are there."""
    if not os.environ.get("OPENALGO_STREAM_REQUIRE_PROGRAMS"):
        return
    lines = (ROOT / "tests" / "debian-packages.txt").read_text().splitlines()
    programs = [line.split()[0] for line in lines]
    if missing := [name for name in programs if programs_on_path.find(name) is None]:
        raise pytest.UsageError(f"missing: {missing}; run tests/install-debian-packages")


def pytest_collection_modifyitems(items):
    """Tests on recorded data say why they skip; in CI they must not."""
    if _data_folder() is not None:
        return
    reason = "no recorded data: put it in ../shared/data or set OPENALGO_STREAM_TEST_DATA"
    if os.environ.get("OPENALGO_STREAM_REQUIRE_DATA"):
        raise pytest.UsageError(reason)
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The recorded market data; only for tests marked `realdata`."""
    folder = _data_folder()
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def openalgo_database() -> Path:
    """A database that OpenAlgo's own code wrote, beside the recorded data; to be copied."""
    named = os.environ.get("OPENALGO_STREAM_TEST_DATA")
    shared = Path(named).parent if named else ROOT.parent / "shared"
    path = shared / "protocol" / "openalgo-fixture.db"
    if not path.exists():
        reason = f"no database of an OpenAlgo install at {path}"
        if os.environ.get("OPENALGO_STREAM_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(f"NOT RUN: {reason}")
    return path


@pytest.fixture
def seeded() -> random.Random:
    return random.Random(SEED)


@pytest.fixture(autouse=True)
def _no_ambient_configuration(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OPENALGO_STREAM_CONFIG", "OPENALGO_STREAM_PROXY", "WEBSOCKET_")):
            monkeypatch.delenv(name)
    # Its port is fixed unless configured, and most tests have no use for one: those that do
    # say `enabled = true` and `port = 0` in their configuration.
    monkeypatch.setenv("OPENALGO_STREAM_CONSOLE_ENABLED", "false")


@pytest.fixture
def system(tmp_path):
    """Makes systems of real processes from configuration text; all are ended with the test."""
    made = []

    def make(config: str, proxy: str = "") -> System:
        folder = tmp_path / f"system{len(made)}"
        folder.mkdir()
        made.append(System(folder, config, proxy))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture(scope="session")
def peer_python():
    """`peer_python(name)`: the interpreter of a third-party package's own environment."""
    return peer_env.peer_python
