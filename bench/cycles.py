"""What is left behind by a hundred times `up` and `down`: processes, zombies, sockets, files."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import psutil
from instance import Instance, machine
from startup import config


def left(instance: Instance, children: set[int]) -> dict[str, int]:
    """What there is of a system that has ended; nothing is expected but its folder's files."""
    mine = psutil.Process().children(recursive=True)
    return {
        "processes": sum(psutil.pid_exists(pid) for pid in children),
        "zombies": sum(one.status() == psutil.STATUS_ZOMBIE for one in mine),
        "sockets": sum(one.is_socket() for one in instance.folder.rglob("*")),
        "half_made_files": len(list(instance.folder.rglob("*.tmp*"))),
        "run_files": len(list(instance.folder.rglob("run.json"))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--adapters", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found: list[dict[str, int]] = []
    up_s, down_s = [], []
    with Instance(config(options.adapters, template=True)) as instance:
        for number in range(options.cycles):
            began = time.monotonic()
            if number:
                instance.start()
            instance.wait_until_running()
            children = {one.pid for one in instance.all_processes()}
            running = time.monotonic()
            instance.stop()
            up_s.append(running - began)
            down_s.append(time.monotonic() - running)
            found.append(left(instance, children))
    print(f"{options.cycles} times up and down, {options.adapters} adapters")
    print(f"up p50 {statistics.median(up_s):.2f} s, down p50 {statistics.median(down_s):.2f} s")
    for what in found[0]:
        print(f"{what}: {found[0][what]} after the first, {found[-1][what]} after the last")
    if options.json:
        told = {"machine": machine(), "left": found, "up_s": up_s, "down_s": down_s}
        options.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
