"""Chaos, seeded: things go wrong at random, and what is promised is checked throughout.

    python tests/chaos/chaos.py --minutes 10 [--seed N] [--json FILE]

Four adapters, each with a broker of its own that numbers its ticks, and a client of each. Things
happen to three adapters, one of which has a standby, to the proxy, the market-data service and the
supervisor (`actions`); the fourth adapter is left alone. It is checked that

* no client ever sees a step back, nor a number twice; only a session that comes back to its
  broker, and a client that comes back to the proxy, may be told the last tick again;
* a number is missed only by whom an action disturbs, and only while it lasts: hand-overs,
  reloads, and whatever happens to the supervisor or the market-data service miss none, nor does
  what happens to the active process of an adapter with a standby;
* after each action every process runs again and every symbol ticks again, in time;
* each name has one process, one generation in the directory, and generations only grow;
* nothing is left behind in the end: processes, zombies, ports, descriptors.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

import psutil
from actions import ADAPTERS, BACKED, PATHS, Schedule
from system import System
from tally import SYMBOLS
from witness import Witness

from bus.control.channel import ask
from bus.control.messages import (
    RELOAD,
    DirectoryRequest,
    ProgressRequest,
    Refused,
    ReloadRequest,
    RestartRequest,
    StatusRequest,
    TokenRequest,
)
from bus.errors import StreamError
from bus.secret import Secret
from supervisor.instance import runfile

#: Of each simulator; ten of its fifty symbols are wanted.
RATE = 250
WANTED = SYMBOLS[:10]
#: By then everything must be well again: hang detection, back-off after three failures, and a
#: machine that is busy with other tests.
BACK_S = 45.0
#: Ticks on their way when something begins or is over.
MARGIN_S = 1.5


@dataclass
class Event:
    """An action that was carried out."""

    what: str
    #: Paths on which ticks may be missed, and on which the last one may be told again.
    disturbs: set
    greets: set
    began: float
    #: When everything was well again.
    over: float = 0.0


@dataclass
class Result:
    """What a run came to; `broken` is what was promised and not kept."""

    seed: int
    minutes: float
    events: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    received: int = 0
    missed: dict = field(default_factory=dict)
    #: Ticks told again to a session or a client that came back.
    greetings: int = 0
    leaks: dict = field(default_factory=dict)

    def table(self):
        """Rows of: action, how often, seconds until all was well again (median, worst)."""
        took = collections.defaultdict(list)
        for event in self.events:
            took[event.what].append(event.over - event.began)
        return [
            (what, len(s), round(statistics.median(s), 2), round(max(s), 2))
            for what, s in sorted(took.items())
        ]


class Chaos:
    """One run against one system."""

    def __init__(self, system, seed, minutes, say=print):
        self.result = Result(seed, minutes)
        self._system = system
        self._random = random.Random(seed)
        self._schedule = Schedule(self._random)
        self._say = say
        self._generations = {}
        self._connections = 2
        self._tokens = 0
        self._start = time.monotonic()

    def run(self):
        self._system.up()
        self._simulators = {
            process.name: process.endpoint for process in self._ask(StatusRequest()).processes
        }
        self._witnesses = [
            Witness(path, self._system.url(), self._key(path), WANTED) for path in PATHS
        ]
        try:
            self._until_well(time.monotonic())
            self._until(self._is_backed, "no standby that is ready")
            for witness in self._witnesses:  # the beginning is none of it
                witness.tally.twice.clear()
            self._before = self._inventory()
            began = time.monotonic()
            while time.monotonic() < began + self.result.minutes * 60 and not self.result.broken:
                self._turn()
            self._after = self._inventory()
        finally:
            for witness in self._witnesses:
                witness.stop()
        self._judge()
        self._system.run("down")
        return self.result

    # --- one turn -------------------------------------------------------------------------

    def _turn(self):
        actions = self._schedule.next(time.monotonic())
        began = time.monotonic()
        with ThreadPoolExecutor(len(actions)) as hands:
            done = []
            for number, action in enumerate(actions):
                if number:
                    time.sleep(self._schedule.stagger_s())
                self._say(f"{time.monotonic() - self._start:7.1f} s  {action}", flush=True)
                done.append(hands.submit(self._do, action, self._random.uniform(0.0, 2.0)))
            for one in done:
                one.result()
        over = self._until_well(time.monotonic())
        for action in actions:
            target = "adapter" if action.target in ADAPTERS else action.target
            target += " with standby" if action.target == BACKED else ""
            what = f"{action.kind} {target}"
            disturbs, greets = action.disturbs, action.greets
            if len(actions) > 1:  # a hand-over of one that is hit is none; and so on
                what = f"{what}, with another"
                disturbs = set().union(*(one.touches for one in actions))
            self.result.events.append(Event(what, disturbs, greets, began, over))
        self._until(self._is_backed, "no standby that is ready")
        time.sleep(self._schedule.pause_s())

    def _do(self, action, delay_s):
        """Carry it out, to its end."""
        match action.kind:
            case "kill":
                self._kill(action.target)
                if action.target == "supervisor":  # all goes on meanwhile
                    time.sleep(delay_s)
                    self._system.run("up", "--detach", timeout=BACK_S + 30)
            case "pause" | "freeze":
                self._hold(action)
            case "restart" | "hard restart":
                hard = action.kind == "hard restart"
                request = RestartRequest(action.target, hard=hard, timeout_s=BACK_S)
                self._command(request, action.target)
            case "reload":
                self._reconfigure(action.target)
                self._command(ReloadRequest(dry_run=False, timeout_s=BACK_S), RELOAD)
            case "disconnect":
                self._control(action.target, "disconnect=1")
            case "refuse":
                self._control(action.target, "refuse=on&disconnect=1")
                time.sleep(action.hold_s)
                self._control(action.target, "refuse=off")
                # A broker that refused is not asked again for minutes; a new token is used at once.
                self._renew(action.target)
            case "token":
                self._renew(action.target)

    def _hold(self, action):
        pid = self._pid(action.target)
        if pid is None:
            return
        with contextlib.suppress(psutil.Error):  # it may be found out and replaced
            process = psutil.Process(pid)
            process.suspend()
            time.sleep(action.hold_s)
            process.resume()

    def _command(self, request, name):
        """It may fail when something else happens at the same time; nothing is worse then."""
        deadline = time.monotonic() + BACK_S
        is_asked, told = False, []
        while time.monotonic() < deadline:
            with contextlib.suppress(StreamError):  # the supervisor may be away
                if not is_asked and isinstance(self._ask(request), Refused):
                    return
                is_asked = True
                progress = self._ask(ProgressRequest(name))
                told = progress.lines
                if progress.over:
                    return
            time.sleep(0.05)
        self._break(f"not over after {BACK_S:.0f} s: {request!r}: {told}")

    def _renew(self, adapter):
        self._tokens += 1
        token = TokenRequest(adapter, "access_token", Secret(f"t{self._tokens}"))
        self._command(token, adapter)

    def _reconfigure(self, adapter):
        self._connections = 5 - self._connections
        text, head = self._system.config.read_text(), f"[adapters.{adapter}]\n"
        before, _, rest = text.partition(head)
        lines = rest.splitlines(keepends=True)
        lines[0] = f"connections = {self._connections}\n"
        self._system.config.write_text(before + head + "".join(lines))

    def _control(self, adapter, command):
        endpoint = self._simulators[f"sim-{adapter}"].replace("ws://", "http://")
        with urllib.request.urlopen(f"{endpoint}/control?{command}", timeout=10) as reply:
            assert reply.status == 200

    # --- how it is ------------------------------------------------------------------------

    def _until_well(self, since):
        """When every process runs and every symbol has ticked since then."""
        self._until(
            lambda: self._is_well() and all(w.heard_since(since) for w in self._witnesses),
            "not well",
        )
        return time.monotonic()

    def _until(self, condition, otherwise):
        deadline = time.monotonic() + BACK_S
        while not condition():
            if time.monotonic() > deadline:
                self._break(f"{otherwise} after {BACK_S:.0f} s: {self._states()}")
                return
            time.sleep(0.02)

    def _is_backed(self):
        """Whether the standby has all that the active one has: what follows is to miss nothing."""
        try:
            active = self._process(BACKED)
        except StreamError:
            return False
        both = (active, active.standby)
        return all(
            one is not None
            and one.state == "running"
            and one.stats.get("topics_seen") == one.stats.get("topics") == len(WANTED)
            for one in both
        )

    def _is_well(self):
        try:
            processes = self._ask(StatusRequest()).processes
            publishers = self._ask(DirectoryRequest()).publishers
        except StreamError:
            return False
        if not all(process.state == "running" for process in processes):
            return False
        for process in processes:
            # A standby that takes over may be the older one of the two.
            standby = process.standby.generation if process.standby is not None else 0
            newest = max(process.generation, standby)
            if newest < self._generations.get(process.name, 0):
                self._break(f"{process.name} went back to generation {newest}")
            self._generations[process.name] = newest
        pids = [process.pid for process in processes]
        if len(set(pids)) != len(pids):
            self._break(f"two names for one process: {pids}")
        feeding = [p.adapter for p in publishers if p.adapter in PATHS and not p.standby]
        return sorted(feeding) == sorted(PATHS)

    def _states(self):
        with contextlib.suppress(StreamError):
            return {p.name: (p.state, p.detail) for p in self._ask(StatusRequest()).processes}
        return "no supervisor"

    def _break(self, what):
        self.result.broken.append(f"{time.monotonic() - self._start:.1f} s: {what}")
        self._say(f"BROKEN {self.result.broken[-1]}", flush=True)

    def _inventory(self):
        """What could leak, of the processes of this instance."""
        run = runfile.read(self._run_file)
        pids = {run.pid} | {record.pid for record in run.processes}
        mine = [p for p in psutil.process_iter() if self._is_mine(p)]
        listening = 0
        for process in mine:
            with contextlib.suppress(psutil.Error):
                listening += sum(c.status == "LISTEN" for c in process.net_connections("tcp"))
        return {
            "known processes": len(pids),
            "processes": len([p for p in mine if p.status() != psutil.STATUS_ZOMBIE]),
            "zombies": sum(p.status() == psutil.STATUS_ZOMBIE for p in mine),
            "listening ports": listening,
            "files": sorted(
                file.name
                for file in self._system.folder.rglob("*")
                if file.is_file() and file.parent.name not in {"instruments", "logs"}
            ),
        }

    def _is_mine(self, process):
        """Works in the folder of this instance: all are started there."""
        try:
            return process.pid != os.getpid() and process.cwd() == str(self._system.folder)
        except psutil.Error:
            return False

    # --- at the end -----------------------------------------------------------------------

    def _judge(self):
        result = self.result
        for witness in self._witnesses:
            tally, name = witness.tally, witness.name
            result.received += tally.received
            result.missed[name] = sum(entry[4] - entry[3] - 1 for entry in tally.missed)
            if witness.trouble is not None:
                self._break(f"the client of {name}: {witness.trouble!r}")
            twice = [e for e in tally.twice if not self._is_explained(name, e, "greets")]
            result.greetings += len(tally.twice) - len(twice)
            for kind, entries in (("twice", twice), ("a step back", tally.back)):
                if entries:
                    self._break(f"{name}: {kind}, {len(entries)} times: {self._told(entries[0])}")
            unexplained = [e for e in tally.missed if not self._is_explained(name, e, "disturbs")]
            if unexplained:
                self._break(f"{name}: missed, undisturbed: {self._told(unexplained[0])}")
        new_files = set(self._after.pop("files")) - set(self._before.pop("files"))
        if new_files:
            self._break(f"left behind: {', '.join(new_files)}")
        for what, count in self._before.items():
            result.leaks[what] = (count, self._after[what])
            if self._after[what] > count:
                self._break(f"{what}: {count} before, {self._after[what]} after")

    def _is_explained(self, path, entry, by):
        """Whether an event that `disturbs` or `greets` this path was under way."""
        last, now = entry[:2]
        return any(
            path in getattr(event, by)
            and event.began - MARGIN_S < now
            and last < event.over + MARGIN_S
            for event in self.result.events
        )

    def _told(self, entry):
        last_at, at, symbol, last, number = entry
        return (
            f"{symbol} {last} at {last_at - self._start:.2f} s, "
            f"{number} at {at - self._start:.2f} s"
        )

    # --- asking ---------------------------------------------------------------------------

    @property
    def _run_file(self):
        return self._system.folder / "state" / "run.json"

    def _ask(self, request):
        run = runfile.read(self._run_file)
        if run is None:
            raise StreamError("no run file")
        return ask(run.commands, run.secret, request, timeout_s=5.0)

    def _process(self, name):
        return next(p for p in self._ask(StatusRequest()).processes if p.name == name)

    def _pid(self, name):
        if name == "supervisor":
            return runfile.read(self._run_file).pid
        with contextlib.suppress(StreamError):
            return self._process(name).pid
        return None

    def _kill(self, name):
        pid = self._pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _key(self, role):
        done = self._system.run("keys", "create", f"key-{role}", "--role", role, "--json")
        return json.loads(done.stdout)["api_key"]


def config():
    """A broker, an adapter and a role for each path."""
    return "".join(
        f"""
[simulators.sim-{name}]
broker = "zerodha"
market = "numbered"
rate = {RATE}

[adapters.{name}]
connections = 3
broker = "zerodha"
url = "simulator:sim-{name}"
instruments = "simulator:sim-{name}"
credentials = {{ api_key = "k", access_token = "t" }}
standby = {str(name == BACKED).lower()}

[roles.{name}]
adapters = ["{name}"]
"""
        for name in PATHS
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    os.environ["OPENALGO_STREAM_CONSOLE_ENABLED"] = "false"  # others may run on this machine
    with tempfile.TemporaryDirectory(prefix="openalgo-stream-chaos-") as folder:
        system = System(Path(folder), config(), "")
        try:
            result = Chaos(system, options.seed, options.minutes).run()
        finally:
            system.end()
    for what, count, median, worst in result.table():
        print(f"{what:<28}{count:>5}  well again after {median:6.2f} s, at worst {worst:6.2f} s")
    print(
        f"{result.received} numbers, missed {result.missed}, "
        f"told again on coming back {result.greetings}; before and after: {result.leaks}"
    )
    for broken in result.broken:
        print(f"BROKEN {broken}")
    if options.json:
        told = {"seed": result.seed, "table": result.table(), "missed": result.missed}
        options.json.write_text(json.dumps({**told, "broken": result.broken}, indent=2))
    sys.exit(bool(result.broken))


if __name__ == "__main__":
    main()
