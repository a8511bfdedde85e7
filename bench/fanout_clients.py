"""One client process of the benchmarks: many raw WebSocket clients that count cheaply.

Standard input: one line of JSON settings, then `report` or `latencies`. Standard output: `ready`,
then one line of JSON each. Frames are not taken apart: messages are counted by a
search for a marker that each holds once, and one latency is taken per read, that of the
oldest message in it. With `verify` the sequence of every message is checked, too.
"""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import selectors
import socket
import struct
import sys
import time
from array import array
from typing import Any

#: Once in every message, whether its JSON has spaces or not.
MARKER = b'"market_data"'
STAMP = re.compile(rb'"volume": ?(\d+), ?"timestamp": ?(\d+)\}')
SEQUENCE = re.compile(rb'"symbol":"(\w+)","exchange":"NSE","mode".*?"volume":(\d+),"timestamp"')
READ_BYTES = 1 << 20
#: Longer than any frame of the benchmark: what is kept from read to read to verify.
VERIFY_TAIL = 8192


def text_frame(message: dict[str, object]) -> bytes:
    """A client's frame: masked, with a mask of zeros."""
    body = json.dumps(message).encode()
    size = struct.pack(">BH", 0xFE, len(body)) if len(body) > 125 else bytes((0x80 | len(body),))
    return b"\x81" + size + bytes(4) + body


def nats_frame(lines: list[str]) -> bytes:
    body = "".join(f"{line}\r\n" for line in lines).encode()
    size = struct.pack(">BH", 0xFE, len(body)) if len(body) > 125 else bytes((0x80 | len(body),))
    return b"\x82" + size + bytes(4) + body


class Client:
    """One connection: what it got, and whether in order."""

    def __init__(self, settings: dict[str, Any], symbols: list[str]) -> None:
        self.messages = 0
        self.received_bytes = 0
        self.disorder = 0
        self.tail = b""
        self.last: dict[bytes, int] = {}
        host, port = "127.0.0.1", settings["port"]
        self.socket = socket.create_connection((host, port))
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.wait_for(b"\r\n\r\n")
        (self.speak_nats if settings["dialect"] == "nats" else self.speak_openalgo)(
            settings, symbols
        )
        self.socket.setblocking(False)

    def speak_openalgo(self, settings: dict[str, Any], symbols: list[str]) -> None:
        self.socket.sendall(text_frame({"action": "authenticate", "api_key": settings["key"]}))
        self.wait_for(b'"user_id"')
        if symbols:
            request = {"action": "subscribe", "symbols": symbols, "mode": settings["mode"]}
            self.socket.sendall(text_frame(request))
            self.wait_for(b"Subscription processing complete")

    def speak_nats(self, settings: dict[str, Any], symbols: list[str]) -> None:
        topics = [f"NSE.{symbol}.{settings['mode']}" for symbol in symbols]
        subscribe = [f"SUB {topic} {number}" for number, topic in enumerate(topics, 1)]
        connect = 'CONNECT {"verbose":false,"pedantic":false}'
        self.socket.sendall(nats_frame([connect, *subscribe, "PING"]))
        self.wait_for(b"PONG")

    def wait_for(self, text: bytes) -> None:
        self.socket.settimeout(20)
        seen = b""
        while text not in seen:
            data = self.socket.recv(65536)
            assert data, f"closed before {text!r}: {seen[-200:]!r}"
            seen += data


class Counters:
    def __init__(self, verify: bool) -> None:
        self.verify = verify
        self.latencies = array("d")
        self.buffer = bytearray(READ_BYTES + VERIFY_TAIL)
        self.view = memoryview(self.buffer)

    def read(self, client: Client) -> bool:
        """Whether the client is still connected."""
        kept = len(client.tail)
        self.buffer[:kept] = client.tail
        try:
            size = client.socket.recv_into(self.view[kept:], READ_BYTES)
        except ConnectionError:
            return False
        now = time.time_ns()
        if not size:
            return False
        end = kept + size
        client.received_bytes += size
        if self.verify:
            self.check(client, end)
        else:
            client.messages += self.buffer.count(MARKER, 0, end)
            client.tail = bytes(self.view[max(0, end - len(MARKER) + 1) : end])
        if oldest := STAMP.search(self.buffer, 0, end):
            self.latencies.append((now - int(oldest[2])) / 1e6)
        return True

    def check(self, client: Client, end: int) -> None:
        consumed = 0
        for found in SEQUENCE.finditer(self.buffer, 0, end):
            consumed = found.end()
            symbol, sequence = found[1], int(found[2])
            client.disorder += sequence != client.last.get(symbol, 0) + 1
            client.last[symbol] = sequence
            client.messages += 1
        client.tail = bytes(self.view[max(consumed, end - VERIFY_TAIL) : end])


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = [Client(settings, symbols) for symbols in settings["holdings"]]
    counters = Counters(settings["verify"])
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                if not counters.read(key.data):
                    selector.unregister(key.data.socket)
                continue
            command = sys.stdin.readline().strip()
            if not command:
                return
            answer: object
            if command == "latencies":
                answer = counters.latencies.tolist()
                counters.latencies = array("d")
            else:
                answer = {
                    "messages": [client.messages for client in clients],
                    "bytes": sum(client.received_bytes for client in clients),
                    "disorder": sum(client.disorder for client in clients),
                    "cpu_s": time.process_time(),
                }
            print(json.dumps(answer), flush=True)


main()
