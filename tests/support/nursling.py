"""What the tests of the template have forked: a process that says what it finds, and obeys.

Its settings: {"exit": CODE} ends it so, {} lets it wait for ever.
"""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import psutil


def main():
    boot = json.loads(sys.stdin.buffer.readline())
    me = psutil.Process()
    facts = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "environment": sorted(os.environ),
        "descriptors": sorted(int(file.name) for file in Path("/proc/self/fd").iterdir()),
        "threads": threading.active_count(),
        "random": random.random(),
        "name": me.name(),
        "secret": boot["secret"],
        "rest": sys.stdin.read(),
    }
    print(json.dumps(facts), flush=True)
    print("to standard error", file=sys.stderr, flush=True)
    if "exit" in boot["settings"]:
        sys.exit(boot["settings"]["exit"])
    time.sleep(600)


if __name__ == "__main__":
    main()
