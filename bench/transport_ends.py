"""Both ends of each transport that `transports.py` compares, under one face."""

from __future__ import annotations

import tempfile
from typing import Protocol

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
