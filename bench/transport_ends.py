"""Both ends of each transport that `transports.py` compares, under one face."""

from __future__ import annotations

import ctypes
import importlib
import secrets
import tempfile
from typing import Any, Protocol

import zmq

from bus import welcome
from bus.control.messages import PublisherEntry
from bus.lane.reading import LaneReader
from bus.lane.writing import LaneWriter
from bus.secret import Secret

SECRET = Secret("for this run only")
LANE_MIB = 64


class Writer(Protocol):
    address: str

    def reader_is(self, name: str) -> None: ...
    def write(self, messages: list[bytes]) -> None: ...
    def close(self) -> None: ...


class Reader(Protocol):
    name: str

    def read(self) -> list[bytes]: ...
    def close(self) -> None: ...


class ZmqWriter:
    """Publishes once its subscriber is there; no message is dropped."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*") -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.set(zmq.SNDHWM, 0)
        self._socket.bind(endpoint)
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def reader_is(self, name: str) -> None:
        self._socket.recv()

    def write(self, messages: list[bytes]) -> None:
        for message in messages:
            self._socket.send(message)

    def close(self) -> None:
        self._context.destroy(linger=0)


class ZmqIpcWriter(ZmqWriter):
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        super().__init__(f"ipc://{self._folder.name}/bench")

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


class ZmqReader:
    """Sleeps until a message comes."""

    name = ""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.set(zmq.RCVHWM, 0)
        self._socket.connect(address)
        self._socket.subscribe(b"")

    def read(self) -> list[bytes]:
        return [self._socket.recv()]

    def close(self) -> None:
        self._context.destroy(linger=0)


class ZmqSpinner(ZmqReader):
    def read(self) -> list[bytes]:
        try:
            return [self._socket.recv(zmq.NOBLOCK)]
        except zmq.Again:
            return []


class LaneEndWriter:
    def __init__(self) -> None:
        self._lane = LaneWriter(welcome.make(SECRET, "bench", 1), LANE_MIB)
        self.address = self._lane.path
        self.write = self._lane.write
        self.close = self._lane.close

    def reader_is(self, name: str) -> None:
        if name:
            self._lane.bell(name, wanted=True)


class LaneSpinner:
    """Burns a core."""

    name = ""

    def __init__(self, address: str) -> None:
        self._lane = LaneReader(PublisherEntry("bench", 1, "", lane=address), SECRET)
        self.read = self._lane.read
        self.close = self._lane.close


class LaneSleeper(LaneSpinner):
    """Sleeps until its bell rings."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.name = self._lane.bell
        self.read = lambda: self._lane.wait(1.0)


class _Payload(ctypes.Structure):
    """A message of iceoryx2: what is shorter ends in zeros."""

    _fields_ = (("data", ctypes.c_uint8 * 100),)


def _iceoryx_service(name: str) -> tuple[Any, Any]:
    """A node, which must live, and a service that keeps all for a reader that is behind."""
    iox2 = importlib.import_module("iceoryx2")
    iox2.set_log_level(iox2.LogLevel.Error)
    node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
    service = node.service_builder(iox2.ServiceName.new(name)).publish_subscribe(_Payload)
    return node, service.enable_safe_overflow(False).subscriber_max_buffer_size(4096)


class IceoryxWriter:
    """Waits for a reader that is full."""

    def __init__(self) -> None:
        self.address = f"openalgo-stream-bench-{secrets.token_hex(4)}"
        self._node, service = _iceoryx_service(self.address)
        self._service = service.create()
        self._publisher = self._service.publisher_builder().create()

    def reader_is(self, name: str) -> None:
        self._publisher.update_connections()

    def write(self, messages: list[bytes]) -> None:
        for message in messages:
            self._publisher.send_copy(_Payload.from_buffer_copy(message.ljust(100, b"\0")))

    def close(self) -> None:
        self._publisher.delete()


class IceoryxSpinner:
    name = ""

    def __init__(self, address: str) -> None:
        self._node, service = _iceoryx_service(address)
        self._service = service.open()
        self._subscriber = self._service.subscriber_builder().create()

    def read(self) -> list[bytes]:
        sample = self._subscriber.receive()
        return [] if sample is None else [bytes(sample.payload().contents)]

    def close(self) -> None:
        self._subscriber.delete()
