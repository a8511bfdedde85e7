"""Headless Chromium for tests in Python, by way of Playwright's own library in Node."""

import json
import shutil
import subprocess
import time

import node_env

_EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """What this machine lacks for a browser; empty if nothing."""
    if shutil.which("npm") is None:
        return "there is no npm here; install Node 20.19 or newer"
    if _executable() is None:
        return "there is no chromium here; install Debian's package"
    return ""


def _executable():
    return next(filter(None, map(shutil.which, _EXECUTABLES)), None)


class Page:
    """A tab; `page.click("text=Log in")` and the like are Playwright's calls, by its names.

    What `tests/peers/console/bridge.mjs` has beside them is called the same way.
    """

    def __init__(self, bridge, number):
        self._bridge = bridge
        self._number = number

    def __getattr__(self, call):
        return lambda *args: self._bridge.ask(call, args, self._number)

    def wait(self, condition, timeout_s=45):
        """For a JavaScript expression to be true.

        Asked from outside: Playwright's own way evaluates text inside the page, which a strict
        security policy forbids.
        """
        deadline = time.monotonic() + timeout_s
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"{condition}\n{self.innerText('body')}"
            time.sleep(0.05)


class Browser:
    """One Chromium with its tabs, which share a session."""

    def __init__(self):
        folder = node_env.packages("console")
        self._process = subprocess.Popen(
            ["node", folder / "bridge.mjs", _executable()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer("start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def tab(self, number=0):
        return Page(self, number)

    def ask(self, call, args, page):
        line = json.dumps({"call": call, "args": args, "page": page})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer(f"{call} {args}")

    def _answer(self, what):
        line = self._process.stdout.readline()
        assert line, f"the browser's process ended at {what}"
        answer = json.loads(line)
        assert "error" not in answer, f"{what}: {answer['error']}"
        return answer["result"]
