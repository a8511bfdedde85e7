"""What attackers of the proxy do, and what their neighbours need."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time

import psutil
import pytest

from bus.access import AccessSettings, LimitSettings

MIB = 1 << 20
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n"
)
#: Of a test whose attackers are at another address.
elsewhere = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux has 127.0.0.2 without asking"
)


def limits(**values):
    return AccessSettings(limits=LimitSettings(**values))


def auth(key):
    return json.dumps({"action": "authenticate", "api_key": key})


def rss():
    return psutil.Process().memory_info().rss


def frame(opcode, payload, *, rsv1=False, final=True):
    """As a client sends it, masked with zeros."""
    head = opcode | 0x80 * final | 0x40 * rsv1
    size = len(payload)
    if size < 126:
        return bytes((head, 0x80 | size)) + bytes(4) + payload
    if size <= 0xFFFF:
        return struct.pack(">BBH", head, 0x80 | 126, size) + bytes(4) + payload
    return struct.pack(">BBQ", head, 0x80 | 127, size) + bytes(4) + payload


async def shake(bench, *, host=None, more=""):
    """A raw connection, and the head of the answer to its handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    text = UPGRADE.format(host=host or f"127.0.0.1:{bench.port}", more=more)
    writer.write(text.encode())
    return reader, writer, (await reader.readuntil(b"\r\n\r\n")).decode()


@contextlib.contextmanager
def many_files():
    """As many as the system allows: both ends of each connection are ours here."""
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 6000:
        pytest.skip(f"only {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def logs_in(bench, key, within=1.0, **options):
    """A good client gets in, and soon."""
    began = time.monotonic()
    client = await bench.connect(**options)
    assert (await client.ask(auth(key)))["status"] == "success"
    took = time.monotonic() - began
    assert took < within, f"{took:.2f} s"
    return client
