"""The configuration file: found, read, filled from the environment, checked, resolved."""

from supervisor.config.load import DEFAULT_FILE, find, load, state_directory
from supervisor.config.schema import Config, SupervisorSettings

__all__ = ["DEFAULT_FILE", "Config", "SupervisorSettings", "find", "load", "state_directory"]
