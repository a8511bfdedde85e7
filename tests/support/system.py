"""A whole system of real processes, in a directory of its own, on ports of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from websockets.sync.client import connect

from bus.control.messages import StatusReply, StatusRequest
from bus.errors import StreamError
from bus.logs.lines import human
from identity.keys import KeyStore
from supervisor.cli.instance import Instance
from supervisor.cli.status import as_builtins

#: How long the supervisor may take to see that a process of its own has died.
NOTICED_S = 0.25
CLI = [sys.executable, "-P", "-m", "supervisor"]
#: The start of a configuration: one adapter of a made-up market, a few hundred ticks a second.
MARKET = """
[simulators.market]
broker = "zerodha"
rate = 400

[adapters.zerodha]
url = "simulator:market"
instruments = "simulator:market"
credentials = { api_key = "made-up", access_token = "made-up" }
"""


class System:
    """One instance, driven by its command line as a user would drive it."""

    def __init__(self, folder: Path, config: str, proxy: str):
        self.folder = folder
        self.config = folder / "openalgo-stream.toml"
        self.config.write_text(
            f"[paths]\nstate = 'state'\n[marketdata]\nport = 0\n"
            f"[proxy]\nport = 0\n{proxy}\n{config}"
        )
        self._instance = Instance(self.config)
        self.foreground = None
        self.api = ""

    def run(self, *arguments, check=True, timeout=60, stdin=None):
        """A command with this instance's configuration; its completed process."""
        command, *rest = arguments
        done = subprocess.run(
            [*CLI, command, *rest, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            input=stdin,
            cwd=self.folder,
        )
        if check:
            assert done.returncode == 0, (arguments, done.stdout, done.stderr, self.logs())
        return done

    def up(self, *options):
        self.run("up", "--detach", *options)
        return self

    def up_in_foreground(self, *options):
        self.foreground = subprocess.Popen(
            [*CLI, "up", *options, "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            start_new_session=True,
        )
        self.wait_for(lambda: self.is_up() and self.settled())
        return self

    def is_up(self):
        try:
            self._asked()
        except StreamError:
            return False
        return True

    def settled(self):
        """All run, and are the same ones a moment later: by then a death has been noticed."""
        before = self.status()["processes"]
        if any(one["state"] != "running" for one in before):
            return False
        time.sleep(NOTICED_S)
        after = self.status()["processes"]
        return [(one["state"], one["pid"]) for one in after] == [
            (one["state"], one["pid"]) for one in before
        ]

    def status(self):
        """What `status --json` prints, without a process for each look."""
        try:
            return json.loads(json.dumps(as_builtins(self._asked())))
        except StreamError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    def _asked(self):
        return self._instance.ask(StatusRequest(), StatusReply)

    def process(self, name):
        return next(p for p in self.status()["processes"] if p["name"] == name)

    def key(self, name="test"):
        """A new key, as `keys create` makes it."""
        with KeyStore(self._instance.paths.keys) as keys:
            return keys.create(name)

    def url(self):
        return self.process("proxy")["endpoint"]

    def ask(self, path, key, **body):
        """A call of the market-data service: HTTP status and reply."""
        self.api = self.api or self.process("marketdata")["endpoint"]  # it keeps its port
        request = urllib.request.Request(
            self.api + path,
            json.dumps({"apikey": key} | body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    @contextlib.contextmanager
    def connect(self, key=None):
        """A logged-in WebSocket client."""
        with connect(self.url(), max_queue=None) as client:
            client.send(json.dumps({"action": "authenticate", "api_key": key or self.key()}))
            reply = json.loads(client.recv(timeout=5))
            assert reply["status"] == "success", reply
            yield client

    def wait_for(self, condition, timeout_s=30.0):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"not within {timeout_s} s; logs:\n{self.logs()}")

    def logs(self):
        files = sorted((self.folder / "state" / "logs").glob("*.log"))
        return "\n".join(f"--- {f.name}\n{_as_shown(f)[-3000:]}" for f in files)

    def pids(self):
        reply = self.status()
        return [reply["supervisor"]["pid"], *(p["pid"] for p in reply["processes"] if p["pid"])]

    def end(self):
        """End whatever of this instance still runs; only processes that it started."""
        run_file = self.folder / "state" / "run.json"
        records = []
        if run_file.exists():
            run = json.loads(run_file.read_text())
            records = [(run["pid"], run["create_time"])]
            records += [(p["pid"], p["create_time"]) for p in run["processes"]]
            self.run("down", check=False)
        if self.foreground is not None and self.foreground.poll() is None:
            self.foreground.send_signal(signal.SIGTERM)
            self.foreground.communicate(timeout=30)
        for pid, created in records:
            try:
                process = psutil.Process(pid)
                if abs(process.create_time() - created) < 1.0:
                    process.kill()
            except psutil.Error:
                continue


def _as_shown(log):
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(text for line in lines for text in human(line))
