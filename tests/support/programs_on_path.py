"""Programs that tests drive; `tests/install-debian-packages` installs them."""

import os
import shutil

import pytest


def find(name):
    """Where it is; None: it is not there. Servers lie where only root's PATH leads."""
    return shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


def needs(*names):
    """A mark that skips a test where one of them is missing."""
    missing = [name for name in names if find(name) is None]
    reason = f"NOT RUN: no {', '.join(missing)} here; run tests/install-debian-packages"
    return pytest.mark.skipif(bool(missing), reason=reason)
