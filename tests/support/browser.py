"""Headless Chromium for tests in Python, by way of Playwright's own library in Node."""

import json
import shutil
import subprocess

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
    """One page; `page.click("text=Log in")` and the like are Playwright's calls, by its names."""

    def __init__(self):
        folder = node_env.packages("console")
        self._process = subprocess.Popen(
            ["node", folder / "bridge.mjs", _executable()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()

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

    def __getattr__(self, call):
        def invoke(*args):
            self._process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
            self._process.stdin.flush()
            return self._answer()

        return invoke

    def wait(self, condition, timeout_s=45):
        """For a JavaScript expression to be true."""
        self.waitForFunction(condition, None, {"timeout": timeout_s * 1000})

    def _answer(self):
        line = self._process.stdout.readline()
        assert line, "the browser's process ended"
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"{answer['error']}\non {self._url()}")
        return answer["result"]

    def _url(self):
        return "this page"
