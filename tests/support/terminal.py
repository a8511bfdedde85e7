"""A real terminal for tests: tmux, on a server of its own, with a shell that knows our command."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path


def missing() -> str:
    """What this machine lacks for a terminal; empty if nothing. Root gets it from Debian."""
    if shutil.which("tmux") is None and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "tmux"]):
            subprocess.run(
                ["apt-get", "-qq", *command],
                check=False, capture_output=True, timeout=240,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )  # fmt: skip
    if shutil.which("tmux") is None:
        return "there is no tmux here; install Debian's package"
    return "" if shutil.which("bash") else "there is no bash here"


class Terminal:
    """One pane with bash in it."""

    def __init__(self, folder: Path, columns: int = 150, rows: int = 30):
        self._socket = folder / "tmux"
        start = folder / "bashrc"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # tmux gives its own PATH to what it starts, whatever it is told.
        start.write_text(f"PS1='ready$ '\nexport PATH={shlex.quote(path)}\n")
        self._columns, self._rows = columns, rows
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "OPENALGO_STREAM_CONSOLE_ENABLED": "false",
        }
        settings = [
            word for name, value in environment.items() for word in ("-e", f"{name}={value}")
        ]
        self._tmux(
            "-u", "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
            "-s", "test", "-c", str(folder), *settings, f"bash --noprofile --rcfile {start}",
        )  # fmt: skip
        try:
            self.wait(lambda: "ready$" in self.screen())
        except BaseException:
            self._tmux("kill-server")
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def _tmux(self, *arguments):
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def screen(self, *, colours=False):
        """What is seen; with the colours' codes if so wished."""
        return self._tmux("capture-pane", "-p", "-t", "test", *(["-e"] if colours else []))

    def lines(self):
        return [line for line in self.screen().splitlines() if line.strip()]

    def type(self, text):
        self._tmux("send-keys", "-t", "test", "-l", text)

    def press(self, *keys):
        """Keys by tmux's names: Enter, Tab, C-c, q."""
        self._tmux("send-keys", "-t", "test", *keys)

    def clear(self):
        """An empty screen with a prompt."""
        self.run("clear")
        self.wait(lambda: self.lines() == ["ready$"])

    def run(self, *words):
        """Type a command and press Enter."""
        self.type(words[0] if len(words) == 1 else shlex.join(words))
        self.press("Enter")

    def resize(self, columns, rows):
        self._columns, self._rows = columns, rows
        self._tmux("resize-window", "-t", "test", "-x", str(columns), "-y", str(rows))

    def wait(self, condition, timeout_s=60.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s:\n{self.screen()}"
            time.sleep(0.1)

    def wait_for(self, text, timeout_s=60.0):
        self.wait(lambda: text in self.screen(), timeout_s)

    def exit_code(self):
        """Of the last command."""
        self.type("echo code:$?")
        self.press("Enter")
        self.wait(lambda: any(line.startswith("code:") for line in self.lines()))
        return int(next(line for line in self.lines() if line.startswith("code:"))[5:])
