"""A real Prometheus, with the project's own configuration and alerts, scraping a real run."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import programs_on_path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
CONSOLE = "127.0.0.1:8767"


class Prometheus:
    """Scrapes `target`, HOST:PORT, once a second; use it as a context manager."""

    def __init__(self, folder, target):
        folder.mkdir()
        config = (DEPLOY / "prometheus.yml").read_text()
        for what, into in ((CONSOLE, target), ("interval: 5s", "interval: 1s")):
            assert what in config
            config = config.replace(what, into)
        (folder / "prometheus.yml").write_text(config)
        shutil.copy(DEPLOY / "alerts.yml", folder)
        with socket.create_server(("127.0.0.1", 0)) as place:
            self._address = f"127.0.0.1:{place.getsockname()[1]}"
        self._log = (folder / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                programs_on_path.find("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=5):
                    return self
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline, Path(self._log.name).read_text()
                time.sleep(0.1)

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def api(self, call, **parameters):
        url = f"http://{self._address}/api/v1/{call}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """The samples of an instant query: (labels, value)."""
        found = self.api("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]
