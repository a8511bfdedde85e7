"""Writers and readers of a lane, killed at random; every message is checked by its content.

PYTHONPATH=. python tests/support/lane_stress.py --seconds 60
"""

import argparse
import random
import struct
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from bus import welcome
from bus.control.messages import PublisherEntry
from bus.errors import LaneError
from bus.lane.reading import LaneReader
from bus.lane.writing import LaneWriter
from bus.secret import Secret

SECRET = Secret("made up")
HEAD = struct.Struct("<QQ")
READERS = 3
#: The root of the project, for the processes that this starts.
ROOT = Path(__file__).resolve().parent.parent.parent


def message(generation, number):
    head = HEAD.pack(generation, number)
    return head + blake2b(head).digest() * (number % 5)


@dataclass
class Found:
    kills: int = 0
    read: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    #: Names of the readers' bells.
    bells: set[str] = field(default_factory=set)
    bells_left: set[str] = field(default_factory=set)


def write(generation, seed):
    """A writer's life: batches of any size, at any pace, as fast as it goes now and then."""
    chance = random.Random(seed)
    lane = LaneWriter(welcome.make(SECRET, "stress", generation))
    print(lane.path, flush=True)
    number = 1
    while True:
        count = chance.choice((1, 1, 1, 7, 64))
        lane.write([message(generation, number + i) for i in range(count)])
        number += count
        if chance.random() < 0.02:
            time.sleep(chance.random() * 0.01)


def read(path, generation, slow):
    """A reader's life: says what it read, line by line, until it is killed or the writer is."""
    reader = LaneReader(PublisherEntry("stress", generation, "", lane=path), SECRET)
    print("bell", reader.bell.partition("/")[0], flush=True)
    first, lost_before, told = reader._ring.next, 0, time.monotonic()
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < 0.3:
        for found in reader.read():
            number = first + reader.stats.lost - lost_before
            lost_before, first = reader.stats.lost, number + 1
            if found != message(generation, number):
                print("wrong", number, found[:16].hex(), flush=True)
            idle_since = time.monotonic()
        if slow:
            time.sleep(0.02)
        if time.monotonic() - told > 0.1:
            told = time.monotonic()
            print("read", reader.stats.messages, reader.stats.lost, flush=True)
    print("read", reader.stats.messages, reader.stats.lost, flush=True)


def _start(*words):
    line = [sys.executable, __file__, *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _start_reader(path, generation, found, *, slow):
    """One that has found the memory, or nothing of it: only then can it die in the middle."""
    reader = _start("read", path, generation, slow)
    found.bells.update(reader.stdout.readline().split()[1:])
    return reader


def _reap(process, found):
    process.kill()
    told = deque(maxlen=1)
    for line in process.communicate()[0].splitlines():
        if line.startswith("wrong"):
            found.wrong.append(line)
        elif line.startswith("read"):
            told.append(line.split())
    for _, count, lost in told:
        found.read += int(count)
        found.lost += int(lost)


def stress(seconds, seed, at_least=0):
    """For so long, and until so many were killed."""
    print(f"seed {seed}")
    chance, found, generation = random.Random(seed), Found(), 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or found.kills < at_least:
        generation += 1
        writer = _start("write", generation, chance.random())
        path = writer.stdout.readline().strip()
        readers = [_start_reader(path, generation, found, slow=i == 0) for i in range(READERS)]
        for _ in range(chance.randrange(1, 5)):
            time.sleep(chance.uniform(0.1, 0.6))
            victim = chance.randrange(READERS)
            _reap(readers[victim], found)
            found.kills += 1
            readers[victim] = _start_reader(path, generation, found, slow=victim == 0)
        _reap(writer, found)
        found.kills += 1
        time.sleep(0.1)
        for reader in readers:
            _reap(reader, found)
    living = Path("/proc/net/unix").read_text()
    found.bells_left = {bell for bell in found.bells if bell in living}
    return found


def main():
    if sys.argv[1:2] == ["write"]:
        write(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1:2] == ["read"]:
        try:
            read(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True")
        except LaneError:
            return  # the writer was killed before this one came
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--seconds", type=float, default=60.0)
        parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
        options = parser.parse_args()
        found = stress(options.seconds, options.seed)
        print(
            f"{found.kills} kills, {found.read} messages read, {found.lost} overwritten, "
            f"{len(found.wrong)} wrong, {len(found.bells_left)} of {len(found.bells)} bells left"
        )


if __name__ == "__main__":
    main()
