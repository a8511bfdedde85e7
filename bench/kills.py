"""What is left behind by many kill -9: processes, zombies, ports, descriptors, files, memory.

Adapters of a running system are killed in turn and brought back by the supervisor; a restart by
hand after each kill clears the back-off, which would otherwise make the run take hours.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from instance import Instance, machine
from startup import config

from bus.control.channel import ask
from bus.control.messages import ProgressReply, ProgressRequest, RestartRequest


def inventory(instance: Instance) -> dict[str, Any]:
    """All that a leak could show in."""
    processes = instance.all_processes()
    supervisor, template = processes[0], processes[1]
    files = [file for file in instance.folder.rglob("*") if file.is_file()]
    ports = [c for p in processes for c in p.net_connections("tcp") if c.status == "LISTEN"]
    return {
        "processes": len(processes),
        "zombies": sum(p.status() == psutil.STATUS_ZOMBIE for p in processes),
        "listening_ports": len(ports),
        "supervisor_descriptors": supervisor.num_fds(),
        "template_descriptors": template.num_fds(),
        "supervisor_rss_mb": round(supervisor.memory_info().rss / 1e6, 1),
        "template_rss_mb": round(template.memory_info().rss / 1e6, 1),
        "files": len([file for file in files if file.parent.name != "instruments"]),
        # Half-made masters of processes that were killed; their successors remove old ones.
        "files_of_masters": len([file for file in files if file.parent.name == "instruments"]),
        "shared_memory": len(list(Path("/dev/shm").iterdir())),  # noqa: S108 - only counted
    }


def kill(instance: Instance, name: str) -> None:
    run = instance.run
    pid = instance.process(name).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    ask(run.commands, run.secret, RestartRequest(name, hard=True))
    while True:
        reply = ask(run.commands, run.secret, ProgressRequest(name))
        assert isinstance(reply, ProgressReply)
        if reply.over:
            assert not reply.failed, reply.lines
            return
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--adapters", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with Instance(config(options.adapters, template=True)) as instance:
        instance.wait_until_running()
        for n in range(options.adapters):  # each has been through it once
            kill(instance, f"a{n:02}")
        instance.wait_until_running()
        before, began = inventory(instance), time.monotonic()
        for n in range(options.kills):
            kill(instance, f"a{n % options.adapters:02}")
        seconds = time.monotonic() - began
        instance.wait_until_running()
        after = inventory(instance)
    print(f"{options.kills} kills of {options.adapters} adapters in {seconds:.0f} s")
    for what, value in before.items():
        print(f"{what}: {value} before, {after[what]} after")
    if options.json:
        found = {"machine": machine(), "kills": options.kills, "seconds": seconds}
        options.json.write_text(json.dumps({**found, "before": before, "after": after}, indent=2))


if __name__ == "__main__":
    main()
