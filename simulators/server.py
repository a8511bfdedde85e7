"""The shell around a broker and a market: sockets, clocks and tasks. Decisions are elsewhere.

One task paces the market. What is due in one turn goes to each connection in as few frames
as the broker's protocol allows. Sending never waits: a connection that does not read is
dropped once it has too much unread, so that it cannot slow the others.

A recording begins shortly after the first subscription, so that nobody misses its start;
the synthetic market always runs. At speed 0 both play only while somebody is subscribed,
and only as fast as the slowest subscriber reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from bus.clock import Clock, SystemClock
from bus.settings import SimulatorSettings
from simulators.broker import Framing, Opened, Reaction
from simulators.client import Client
from simulators.errors import DataError, ListenError
from simulators.gate import Gate, as_request
from simulators.markets.market import Market, Snapshot
from simulators.markets.playback import Playback
from simulators.opening import open_market
from simulators.orders import UPDATES, TellsOrders, orders
from simulators.registry import simulator
from simulators.settings import HOST, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger("simulators")

#: From the first subscription to a recording's first row: clients send their subscriptions
#: in several messages, and none should miss a row to that.
START_DELAY_S: Final = 0.25
#: Rows played before other tasks get their turn; some 10 ms of work.
TURN_ROWS: Final = 1000
#: Turns closer together than this would cost more in frames than they gain in latency.
MIN_SLEEP_S: Final = 0.001
MAX_SLEEP_S: Final = 0.1
#: A connection with more than this unread is dropped: a minute of a busy day in full mode.
MAX_UNREAD_BYTES: Final = 8 << 20
#: At speed 0 playing waits while any connection has more than this unread ...
HIGH_WATER_BYTES: Final = 1 << 20
#: ... but for no longer than this.
MAX_WAIT_S: Final = 5.0
#: Heartbeats that a client may leave without a pong, where they are WebSocket pings.
PONG_PATIENCE: Final = 4


class SimulatorServer:
    """A broker's simulator on a loopback port.

    Attributes:
        refuse_logins: answer every login with HTTP 403; open connections stay.
        paused: hold the market; its clock stands still.
        port: where it listens; 0 before `start`.
        market: what it plays, known after `start`.
    """

    market: Market

    def __init__(self, settings: SimulatorSettings, *, clock: Clock | None = None) -> None:
        """Check the settings; nothing is opened yet.

        Raises:
            SettingsError: a setting makes no sense, or the broker is unknown.
        """
        self._broker_class = simulator(settings.broker)
        check(settings)
        self.settings = settings
        self.refuse_logins = False
        self.paused = False
        self.port = 0
        self._clock: Clock = clock or SystemClock()
        self._clients: set[Client] = set()
        self._watchers: list[dict[Client, str]] = []
        self._latest: list[Snapshot | None] = []
        self._demanded = asyncio.Event()
        self._frames_sent = 0
        self._ticks_sent = 0
        self._error = ""
        self._playback: Playback | None = None
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Read what is to be played, open the port and return its number.

        Raises:
            DataError: the recording or the master cannot be read.
            ListenError: the port is taken.
        """
        now_ms = self._clock.unix_ns() // 1_000_000
        self.market = await asyncio.to_thread(open_market, self.settings, now_ms)
        instruments = self.market.instruments
        self._broker = self._broker_class(instruments, self.settings)
        self._watchers = [{} for _ in instruments]
        self._latest = [None] * len(instruments)
        self._playback = Playback(
            self.market.events, speed=self.settings.speed, loop=self.settings.loop
        )
        try:
            self._server = await serve(
                self._serve,
                HOST,
                self.settings.port,
                process_request=Gate(self, self._broker).process_request,
                compression=None,
                ping_interval=None if self._broker.heartbeat else self._broker.heartbeat_s,
                ping_timeout=self._broker.heartbeat_s * PONG_PATIENCE,
                close_timeout=1,
            )
        except OSError as problem:
            text = f"cannot listen on {HOST}:{self.settings.port}: {problem.strerror}"
            raise ListenError(text) from problem
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._tasks = [
            asyncio.create_task(self._play(self._playback), name="simulator market"),
            asyncio.create_task(self._keep_alive(), name="simulator heartbeat"),
            asyncio.create_task(self._trade(), name="simulator orders"),
        ]
        return self.port

    async def stop(self) -> None:
        """Close every connection and the port; harmless if nothing was started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def stats(self) -> dict[str, Any]:
        """Counts since the start; `position` is the number of rows played, `error` why it ended."""
        return {
            "broker": self.settings.broker,
            "clients": len(self._clients),
            "subscriptions": sum(len(client.session.modes) for client in self._clients),
            "frames_sent": self._frames_sent,
            "ticks_sent": self._ticks_sent,
            "position": self._playback.position if self._playback else 0,
            "finished": self._playback.finished if self._playback else False,
            "paused": self.paused,
            "refuse_logins": self.refuse_logins,
            "error": self._error,
        }

    def hint(self) -> str:
        """TOML lines that point an adapter at this simulator."""
        return self._broker.hint(self.port)

    def disconnect_all(self) -> int:
        """Break every connection as a failing network does; returns how many there were."""
        for client in self._clients:
            client.drop()
        return len(self._clients)

    async def _serve(self, connection: ServerConnection) -> None:
        """One connection, from its acceptance to its end."""
        session = self._broker.session()
        frames = session.frames if isinstance(session, Framing) else self._broker.frames
        client = Client(connection, session, frames, self._clock.monotonic())
        self._clients.add(client)
        try:
            if isinstance(session, Opened) and connection.request is not None:
                self._react(client, session.opened(as_request(connection.request)))
            with contextlib.suppress(ConnectionClosed):
                async for message in connection:
                    self._react(client, client.session.receive(message))
        finally:
            self._clients.discard(client)
            for number in client.session.modes:
                self._watchers[number].pop(client, None)

    def _react(self, client: Client, reaction: Reaction) -> None:
        self._send(client, reaction.replies)
        for number in reaction.changed:
            mode = client.session.modes.get(number)
            if mode is None:
                self._watchers[number].pop(client, None)
                continue
            self._watchers[number][client] = mode
            latest = self._latest[number]
            if latest is not None:
                client.pending.append(self._broker.packet(latest, mode))
        self._flush(client)
        if client.session.modes:
            self._demanded.set()

    async def _play(self, playback: Playback) -> None:
        """The market, from its beginning to its end."""
        if self.market.starts_on_demand:
            await self._demanded.wait()
            await asyncio.sleep(START_DELAY_S)
        elapsed, before = 0.0, self._clock.monotonic()
        try:
            while not playback.finished:
                now = self._clock.monotonic()
                if self._may_play():
                    elapsed += now - before
                    self._fan_out(playback.due(elapsed, TURN_ROWS))
                    await self._breathe(playback.wait(elapsed))
                else:
                    await asyncio.sleep(MAX_SLEEP_S / 10)
                before = now
        except DataError as problem:
            self._error = str(problem)
            log.error("playing ends early: %s", problem)  # noqa: TRY400 (the text says it all)
        log.info("end of data: %s", self.stats())

    def _may_play(self) -> bool:
        if self.paused:
            return False
        return self.settings.speed > 0 or any(self._watchers)

    async def _breathe(self, wait_s: float) -> None:
        """Let other tasks run until the next row is due; at speed 0, until readers caught up."""
        if self.settings.speed > 0:
            await asyncio.sleep(min(max(wait_s, MIN_SLEEP_S), MAX_SLEEP_S))
            return
        await asyncio.sleep(0)
        deadline = self._clock.monotonic() + MAX_WAIT_S
        while slow := [c for c in self._clients if c.unread_bytes > HIGH_WATER_BYTES]:
            if self._clock.monotonic() > deadline:
                for client in slow:
                    self._drop_slow(client)
                return
            await asyncio.sleep(MIN_SLEEP_S)

    def _fan_out(self, snapshots: Sequence[Snapshot]) -> None:
        """Give every watcher its packets; one packet is encoded once per mode."""
        touched: set[Client] = set()
        for snapshot in snapshots:
            self._latest[snapshot.number] = snapshot
            packets: dict[str, bytes] = {}
            for client, mode in self._watchers[snapshot.number].items():
                packet = packets.get(mode)
                if packet is None:
                    packet = packets[mode] = self._broker.packet(snapshot, mode)
                client.pending.append(packet)
                touched.add(client)
        for client in touched:
            self._flush(client)

    def _flush(self, client: Client) -> None:
        if client.pending:
            self._send(client, client.frames(client.pending))
            self._ticks_sent += len(client.pending)
            client.pending = []
            if client.unread_bytes > MAX_UNREAD_BYTES:
                self._drop_slow(client)

    def _send(self, client: Client, frames: Iterable[str | bytes]) -> None:
        """Hand frames to the socket without waiting; a closed connection takes none."""
        for frame in frames:
            broadcast([client.connection], frame)
            client.sent_at = self._clock.monotonic()
            self._frames_sent += 1

    def _drop_slow(self, client: Client) -> None:
        log.warning("a client that does not read is dropped: %d bytes", client.unread_bytes)
        client.drop()

    async def _trade(self) -> None:
        """Tell every connection for orders what becomes of the account's made-up ones."""
        if not self.settings.orders_per_minute:
            return
        interval_s = 60.0 / self.settings.orders_per_minute / UPDATES
        for order in orders(self.market.instruments):
            await asyncio.sleep(interval_s)
            for client in self._clients:
                if isinstance(client.session, TellsOrders):
                    frame = client.session.order(order)
                    self._send(client, [] if frame is None else [frame])

    async def _keep_alive(self) -> None:
        """Heartbeats on connections that got nothing else lately."""
        silence = self._broker.heartbeat_s
        while self._broker.heartbeat:
            await asyncio.sleep(silence / 4)
            now = self._clock.monotonic()
            for client in self._clients:
                if now - client.sent_at >= silence:
                    self._send(client, [self._broker.heartbeat])
