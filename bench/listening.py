"""A WebSocket client in a thread, for the benchmarks of a whole system."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from websockets.sync.client import connect

PATIENCE_S = 5.0


class Listening(threading.Thread, ABC):
    """Logs in, subscribes to LTP of symbols of NSE, and is told of each tick until `close`."""

    def __init__(self, url: str, key: str, symbols: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._stack = contextlib.ExitStack()
        self._client = self._stack.enter_context(connect(url, max_queue=None, close_timeout=1))
        self._client.send(json.dumps({"action": "authenticate", "api_key": key}))
        self._client.recv(timeout=PATIENCE_S)
        wanted = [{"symbol": symbol, "exchange": "NSE"} for symbol in symbols]
        self._client.send(json.dumps({"action": "subscribe", "mode": 1, "symbols": wanted}))
        self.start()

    @abstractmethod
    def heard(self, tick: dict[str, Any], now: float) -> None:
        """A message of market data, when it was read (monotonic)."""

    def run(self) -> None:
        with contextlib.suppress(Exception):
            for text in self._client:
                message = json.loads(text)
                if message.get("type") == "market_data":
                    self.heard(message, time.monotonic())

    def close(self) -> None:
        self._stack.close()
