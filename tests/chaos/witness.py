"""A client that comes back whenever it is closed, and what it saw."""

import json
import threading
import time

from tally import Tally
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


class Witness(threading.Thread):
    """Subscribes to some symbols of one adapter; the key's role leaves no other."""

    def __init__(self, name, url, key, symbols):
        super().__init__(daemon=True)
        self.name = name
        self.tally = Tally()
        #: (from, to): without a connection.
        self.away = []
        self.trouble = None
        self._url, self._key, self._symbols = url, key, symbols
        self._done = threading.Event()
        self._lock = threading.Lock()
        self.start()

    def run(self):
        since = time.monotonic()
        while not self._done.is_set():
            try:
                with connect(self._url, max_queue=None, open_timeout=2) as client:
                    self._log_in(client)
                    self.away.append((since, time.monotonic()))
                    self._read(client)
            except (OSError, EOFError, WebSocketException, TimeoutError):
                time.sleep(0.02)
            except Exception as error:
                self.trouble = error
                raise
            if self.away and self.away[-1][0] == since:  # it had been connected
                since = time.monotonic()

    def heard_since(self, moment):
        """Whether every symbol has ticked since then."""
        with self._lock:
            at = self.tally.at
            return len(at) == len(self._symbols) and min(at.values()) > moment

    def stop(self):
        self._done.set()
        self.join(10)

    def _log_in(self, client):
        client.send(json.dumps({"action": "authenticate", "api_key": self._key}))
        reply = json.loads(client.recv(timeout=5))
        assert reply["status"] == "success", reply
        with self._lock:
            self.tally.subscribed_anew()
        wanted = [{"symbol": symbol, "exchange": "NSE"} for symbol in self._symbols]
        client.send(json.dumps({"action": "subscribe", "mode": 1, "symbols": wanted}))

    def _read(self, client):
        while not self._done.is_set():
            try:
                message = json.loads(client.recv(timeout=0.5))
            except TimeoutError:
                continue
            if message.get("type") == "market_data":
                with self._lock:
                    number = round(message["data"]["ltp"])
                    self.tally.note(message["symbol"], number, time.monotonic())
