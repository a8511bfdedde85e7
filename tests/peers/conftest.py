"""Peers: real third-party packages, each in an environment of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# The tests' folders are no packages, so the helper is loaded from its file.
_SPEC = importlib.util.spec_from_file_location("peer_env", Path(__file__).with_name("peer_env.py"))
_PEER_ENV = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_PEER_ENV)


@pytest.fixture(scope="session")
def peer_python():
    """`peer_python(name)`: the interpreter of the peer's environment, see `peer_env`."""
    return _PEER_ENV.peer_python
