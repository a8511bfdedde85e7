"""The configuration file: found, read, filled from the environment, checked, resolved."""

from supervisor.config.load import (
    DEFAULT_FILE,
    adapter_names,
    find,
    load,
    located,
    openalgo_bus,
    recordings_folder,
    role_names,
    state_directory,
)
from supervisor.config.schema import Config, SupervisorSettings

__all__ = [
    "DEFAULT_FILE",
    "Config",
    "SupervisorSettings",
    "adapter_names",
    "find",
    "load",
    "located",
    "openalgo_bus",
    "recordings_folder",
    "role_names",
    "state_directory",
]
