"""The clients of `bench`, in a process of their own: raw WebSocket connections that count.

Standard input: a line of JSON (`port`, `key`, `symbols`), then `connect N` or `report`, each once
the line before it was answered. Standard output: a line of JSON each. Frames are not taken
apart: messages are counted by a mark that each holds once, so that the clients are not what is
measured.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import struct
import sys
import time
from typing import Any, Final

_MARK: Final = b'"market_data"'
_READ_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 20.0
_PING: Final = b"\x89"


class Client:
    """One connection, logged in and subscribed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.messages = 0
        self._tail = b""
        self.socket = socket.create_connection(("127.0.0.1", settings["port"]), _PATIENCE_S)
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._await(b"\r\n\r\n")
        self._say({"action": "authenticate", "api_key": settings["key"]})
        self._await(b'"user_id"')
        self._say({"action": "subscribe", "symbols": settings["symbols"], "mode": "LTP"})
        self._await(b"Subscription processing complete")
        self.socket.setblocking(False)

    def read(self) -> bool:
        """Take what is there; whether the connection still stands."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        if data[:1] == _PING:  # a ping comes on its own while little flows
            self.socket.sendall(b"\x8a\x80" + bytes(4))
        text = self._tail + data
        self.messages += text.count(_MARK)
        self._tail = text[-(len(_MARK) - 1) :]
        return True

    def _say(self, message: dict[str, Any]) -> None:
        """A client's frame: masked, with a mask of zeros."""
        body = json.dumps(message).encode()
        long = len(body) > 125
        size = struct.pack(">BH", 0xFE, len(body)) if long else bytes((0x80 | len(body),))
        self.socket.sendall(b"\x81" + size + bytes(4) + body)

    def _await(self, text: bytes) -> None:
        seen = b""
        while text not in seen:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError(f"closed: {seen[-200:]!r}")
            seen += data


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    # Asked line by line: what waited in a buffer beside a line would never wake the selector.
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    clients: list[Client] = []
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                if not key.data.read():
                    selector.unregister(key.data.socket)
                continue
            word, _, number = sys.stdin.readline().strip().partition(" ")
            if word == "connect":
                for _ in range(int(number)):
                    client = Client(settings)
                    clients.append(client)
                    selector.register(client.socket, selectors.EVENT_READ, client)
            elif word != "report":
                return
            told = {"messages": sum(c.messages for c in clients), "at": time.monotonic()}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
