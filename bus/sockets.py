"""Every ZeroMQ socket of the project is made here, with every option set on purpose.

Two defaults lose data without a word and are why this module exists: a SUB socket keeps at
most 1,000 subscriptions in its outgoing pipe (of 3,000 topics only 1,000 ever deliver), and
every pipe drops beyond 1,000 messages. LINGER's default waits for ever at exit.
Measurements: docs/performance.md.
"""

from __future__ import annotations

from typing import Final

import zmq

LOOPBACK_ANY_PORT: Final = "tcp://127.0.0.1:*"

#: Messages that may wait per consumer before a publisher drops (and the consumer counts the
#: hole): five seconds at 20,000 ticks/s.
DATA_HIGH_WATER_MARK: Final = 100_000
CONTROL_HIGH_WATER_MARK: Final = 10_000
MAX_MESSAGE_BYTES: Final = 1 << 20

PUBLISHER_LINGER_MS: Final = 500
CONTROL_LINGER_MS: Final = 200

_RECONNECT_MS: Final = 10
_RECONNECT_MAX_MS: Final = 1000
_HANDSHAKE_MS: Final = 2000
_HEARTBEAT_MS: Final = 1000
_HEARTBEAT_TIMEOUT_MS: Final = 3000


def publisher(
    context: zmq.Context[zmq.Socket[bytes]], welcome: bytes, *, lossless: bool = False
) -> zmq.Socket[bytes]:
    """An XPUB that reports every subscription and greets each subscriber with `welcome`.

    With `lossless` a send that a consumer has no room for raises `zmq.Again`.
    """
    socket = _make(context, zmq.XPUB)
    socket.set(zmq.SNDHWM, DATA_HIGH_WATER_MARK)
    socket.set(zmq.RCVHWM, 0)  # subscriptions are never dropped
    socket.set(zmq.LINGER, PUBLISHER_LINGER_MS)
    # Every subscription is seen, also the second consumer's to a topic, so that each gets
    # its answer; withdrawals are counted by libzmq and seen once, when the last one leaves.
    socket.set(zmq.XPUB_VERBOSE, 1)
    # One slow consumer must not stop the others: its messages are dropped, and it sees holes.
    # Only what can wait (a recording) waits for it.
    socket.set(zmq.XPUB_NODROP, int(lossless))
    socket.set(zmq.XPUB_WELCOME_MSG, welcome)
    return socket


def subscriber(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """A SUB for one publisher."""
    socket = _make(context, zmq.SUB)
    socket.set(zmq.RCVHWM, DATA_HIGH_WATER_MARK)
    socket.set(zmq.SNDHWM, 0)  # holds subscriptions, which must never be dropped
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.set(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
    return socket


def classic_publisher(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """A plain PUB for consumers that are not ours."""
    socket = _make(context, zmq.PUB)
    socket.set(zmq.SNDHWM, DATA_HIGH_WATER_MARK)
    socket.set(zmq.LINGER, PUBLISHER_LINGER_MS)
    return socket


def router(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """The supervisor's end of the control plane."""
    socket = _control(context, zmq.ROUTER)
    socket.set(zmq.ROUTER_MANDATORY, 1)  # sending to nobody is an error, not silence
    socket.set(zmq.ROUTER_HANDOVER, 1)  # a peer that reconnects takes its identity back
    return socket


def dealer(context: zmq.Context[zmq.Socket[bytes]], identity: bytes) -> zmq.Socket[bytes]:
    """A process's end of the control plane."""
    socket = _control(context, zmq.DEALER)
    socket.set(zmq.IDENTITY, identity)
    socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.set(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
    return socket


def request(context: zmq.Context[zmq.Socket[bytes]], timeout_ms: int) -> zmq.Socket[bytes]:
    """A command line's end: one blocking question, one answer."""
    socket = _control(context, zmq.REQ)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RCVTIMEO, timeout_ms)
    socket.set(zmq.SNDTIMEO, timeout_ms)
    return socket


def listener(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """A SUB that others connect to: OpenAlgo's own bus, on which its proxy binds."""
    socket = _make(context, zmq.SUB)
    socket.set(zmq.RCVHWM, CONTROL_HIGH_WATER_MARK)
    socket.set(zmq.LINGER, 0)
    return socket


def announcer(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """An XPUB for one message to a `listener`; it sees when the listener subscribes."""
    socket = _make(context, zmq.XPUB)
    socket.set(zmq.LINGER, CONTROL_LINGER_MS)
    socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
    return socket


def bound_endpoint(socket: zmq.Socket[bytes]) -> str:
    """Where a socket was bound, with the port that the kernel chose."""
    return socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def _control(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = _make(context, kind)
    socket.set(zmq.SNDHWM, CONTROL_HIGH_WATER_MARK)
    socket.set(zmq.RCVHWM, CONTROL_HIGH_WATER_MARK)
    socket.set(zmq.LINGER, CONTROL_LINGER_MS)
    return socket


def _make(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.set(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
    # A peer that was stopped (SIGSTOP) keeps its TCP connection; heartbeats find it.
    socket.set(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.set(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS)
    socket.set(zmq.HEARTBEAT_TTL, _HEARTBEAT_TIMEOUT_MS)
    return socket
