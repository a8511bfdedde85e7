"""Two network namespaces as two machines, with a cable that can be pulled. Linux, root."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

_NEW_NET = 0x40000000
HOME_ADDRESS, FAR_ADDRESS = "10.231.77.1", "10.231.77.2"


def why_not() -> str:
    """Why this machine cannot; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    if shutil.which("ip") is None:
        return "no `ip`: install iproute2"
    name = f"oas-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"`ip netns add` is not permitted here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return ""


class Machines:
    """`home` and `far`, each with a loopback of its own, joined by one cable."""

    def __init__(self):
        self.home, self.far = (f"oas-{where}-{os.getpid()}" for where in ("home", "far"))

    def __enter__(self):
        for name in (self.home, self.far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip(*f"link add cable netns {self.home} type veth peer name cable netns {self.far}".split())
        for name, address in ((self.home, HOME_ADDRESS), (self.far, FAR_ADDRESS)):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
        self.mend()
        return self

    def __exit__(self, *_):
        for name in (self.home, self.far):
            _ip("netns", "delete", name)

    def cut(self):
        _ip("-n", self.home, "link", "set", "cable", "down")

    def mend(self):
        for name in (self.home, self.far):
            _ip("-n", name, "link", "set", "cable", "up")


@contextlib.contextmanager
def inside(name: str):
    """This thread, the sockets that it opens, and the programs that it starts, on a machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before:
        with Path(f"/run/netns/{name}").open() as there:
            _set(libc, there.fileno())
        try:
            yield
        finally:
            _set(libc, before.fileno())


def _set(libc, descriptor: int):
    if libc.setns(descriptor, _NEW_NET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
