"""A proxy in the test's own process and event loop, with a pretend adapter on a real bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import zmq
from successor import Successor
from websockets.asyncio.client import ClientConnection, connect

from bus.access import AccessSettings
from bus.clock import SystemClock
from bus.control.messages import PublisherEntry
from bus.control.service import Host
from bus.events import Accepted, BrokerState, Rejected, encode_event
from bus.market.hours import Calendar
from bus.publisher import Publisher
from bus.secret import Secret
from bus.settings import AdapterEntry, ProxyBootstrap, ProxySettings, RoutingSettings
from bus.topics import Mode, Topic
from bus.wants import Demand
from identity.authority import Identity, IdentityError
from identity.keys import KeyStore
from identity.scopes import Roles
from proxy.clients.session import Session
from proxy.clients.verifying import Verifying
from proxy.desk import Desk
from proxy.fanout.lanes import Lanes
from proxy.protocol import levels
from proxy.protocol.profile import Profile
from proxy.routing.demand import Demand as ProxyDemand
from proxy.routing.feeds import Feeds
from proxy.routing.junction import Junction
from proxy.routing.rules import Routing
from proxy.service import ProxyService
from proxy.totals import Totals

SECRET = Secret("the run's secret")


class Adapter:
    """Accepts every demand but those whose symbol is in `refuse`; says nothing while `mute`."""

    def __init__(self, context, name="zerodha", generation=1):
        self.name = name
        self.refuse = {"BAD"}
        self.mute = False
        self.demands = []
        self.publisher = Publisher(
            context, adapter=name, generation=generation, secret=SECRET, on_demand=self._answer
        )
        self.entry = PublisherEntry(name, generation, self.publisher.endpoint, name)

    def _answer(self, demands: list[Demand]):
        for demand in demands:
            text = demand.topic[:-1].decode()
            self.demands.append((text, demand.wanted))
            if self.mute or not demand.wanted:
                continue
            topic = Topic.parse(text)
            symbol, level = levels.split(topic.symbol)
            if symbol in self.refuse:
                message = f"Symbol {symbol} not found for exchange {topic.exchange}"
                self.event(Rejected(text, "SYMBOL_NOT_FOUND", message))
            else:
                self.event(Accepted(text, level or levels.USUAL))

    def event(self, event):
        self.publisher.publish_event(encode_event(event), 0)

    def state(self, word):
        self.event(BrokerState(word))

    def tick(self, symbol="SBIN", exchange="NSE", mode=Mode.LTP, **data):
        topic = Topic.make(self.name, exchange, symbol, mode).wire
        fields = {"symbol": symbol, "exchange": exchange, **data}
        self.publisher.publish(topic, msgspec.json.encode(fields), 1)


class Client:
    """A WebSocket client that talks JSON."""

    def __init__(self, connection: ClientConnection):
        self.connection = connection

    async def send(self, *messages):
        for message in messages:
            raw = isinstance(message, str | bytes)
            await self.connection.send(message if raw else json.dumps(message))

    async def receive(self, seconds=5.0):
        async with asyncio.timeout(seconds):
            message = await self.connection.recv()
        assert isinstance(message, str)
        return json.loads(message)

    async def receive_all(self):
        """Until the connection ends, which is raised."""
        while True:
            await self.receive()

    async def ask(self, message):
        await self.send(message)
        return await self.receive()

    async def subscribe(self, symbol="SBIN", exchange="NSE", mode=1):
        return await self.ask(
            {"action": "subscribe", "symbol": symbol, "exchange": exchange, "mode": mode}
        )

    async def is_quiet(self, seconds=0.05):
        try:
            await self.receive(seconds)
        except TimeoutError:
            return True
        return False


class Bench:
    """The proxy, its adapter and its clients."""

    def __init__(self, service, address, adapter, keys, stack):
        self.service: ProxyService = service
        self.address: str = address
        self.adapter: Adapter = adapter
        self.keys: KeyStore = keys
        self._stack: contextlib.AsyncExitStack = stack

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    async def connect(self, path="/", **options) -> Client:
        options.setdefault("compression", None)
        connection = await self._stack.enter_async_context(connect(self.address + path, **options))
        return Client(connection)

    async def client(self, user="alice", **options) -> Client:
        """Connected and authenticated."""
        if not any(key.name == user and key.revoked is None for key in self.keys.list()):
            self.key = self.keys.create(user)
        client = await self.connect(**options)
        assert (await client.ask({"action": "authenticate", "api_key": self.key}))["type"] == "auth"
        return client

    async def until(self, condition: Callable[[], bool], seconds=5.0):
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)


def unframe(data: bytes) -> list:
    """What each of the WebSocket frames in `data` says: text is JSON, binary MessagePack."""
    messages = []
    while data:
        decode = {0x81: json.loads, 0x82: msgspec.msgpack.decode}[data[0]]
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        messages.append(decode(data[start : start + size]))
        data = data[start + size :]
    return messages


class Inbox:
    """A client's end without a socket."""

    def __init__(self):
        self.chunks = []

    def write(self, data: bytes, messages: int):
        self.chunks.append(data)

    def take(self) -> list:
        messages = unframe(b"".join(self.chunks))
        self.chunks.clear()
        return messages


class FakeBus:
    """Remembers what is wanted; answers when told to."""

    def __init__(self):
        self.wanted = {}
        self.remembered = []

    def remember(self, adapter, frames):
        self.remembered += [(adapter, frame) for frame in frames]

    def subscribe(self, adapter, topic):
        assert topic not in self.wanted
        self.wanted[topic] = adapter

    def unsubscribe(self, adapter, topic):
        assert self.wanted.pop(topic) == adapter


class FakeAuthority:
    def verify(self, credential):
        if credential == "broken":
            raise IdentityError("disk on fire")
        if not credential.startswith("key-"):
            return None
        user = credential[4:]
        return Identity(user=user, credential=credential, name=user, scopes=Roles().get("trader"))

    def changed(self):
        return False

    def renew(self, identity):
        return identity


class FakeClock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def unix_ns(self):
        return int(self.now * 1e9)


class PureProxy:
    """Everything but sockets."""

    def __init__(self, adapters=("zerodha",), routing=RoutingSettings()):  # noqa: B008
        self.bus = FakeBus()
        self.clock = FakeClock()
        demand, feeds, lanes = ProxyDemand(self.bus), Feeds(), Lanes()
        entries = [AdapterEntry(name, name) for name in adapters]
        self.desk = Desk(
            settings=ProxySettings(),
            authority=FakeAuthority(),
            routing=Routing(entries, routing),
            demand=demand,
            feeds=feeds,
            lanes=lanes,
            totals=Totals(),
            clock=self.clock,
            junction=Junction(
                routing,
                demand=demand,
                feeds=feeds,
                lanes=lanes,
                calendar=Calendar(),
                clock=self.clock,
            ),
        )

    def session(self, user="alice", path="/"):
        inbox = Inbox()
        session = Session(self.desk, inbox, Profile.of(path))
        if user:
            self.say(session, action="auth", api_key=f"key-{user}")
            inbox.take()
        return session, inbox

    def say(self, session, **request):
        """Log-ins are settled at once; a subscribe that waits is returned."""
        waiting = session.receive(json.dumps(request))
        if not isinstance(waiting, Verifying):
            return waiting
        try:
            waiting.identity = self.desk.authority.verify(waiting.credential)
        except IdentityError:
            waiting.failed = True
        session.settle(waiting)
        return None

    def present(self):
        self.desk.feeds.follow([PublisherEntry("zerodha", 1, "tcp://127.0.0.1:1")])


@pytest.fixture(scope="session")
def pure_proxy():
    return PureProxy


@pytest.fixture(scope="session")
def inbox():
    return Inbox


@pytest.fixture
def proxy_bench(tmp_path):
    """`async with proxy_bench(...) as bench`, inside `asyncio.run`."""

    @contextlib.asynccontextmanager
    async def start(
        adapters=("zerodha",), present=True, access=None, **settings
    ) -> AsyncIterator[Bench]:
        settings.setdefault("port", 0)
        context = zmq.Context()
        boot = ProxyBootstrap(
            proxy=ProxySettings(**settings),
            adapters=[AdapterEntry(name, name) for name in adapters],
            keys_path=str(tmp_path / "keys.sqlite3"),
            stats_path=str(tmp_path / "stats.json"),
            access=access or AccessSettings(),
        )
        failures = []
        host = Host(
            "proxy",
            1,
            SECRET,
            context,
            SystemClock(),
            changed=lambda: None,
            fail=failures.append,
        )
        service = ProxyService(host, boot)
        adapter = Adapter(context)
        keys = KeyStore(boot.keys_path)
        try:
            address = await service.start()
            async with contextlib.AsyncExitStack() as stack:
                bench = Bench(service, address, adapter, keys, stack)
                if present:
                    service.follow([adapter.entry])
                    await bench.until(lambda: all(f.trusted for f in service._subscriber.feeds))
                yield bench
        finally:
            await service.stop()
            assert not failures
            adapter.publisher.close()
            keys.close()
            context.term()

    return start


@pytest.fixture
def moving(proxy_bench, tmp_path):
    """`async with moving(...) as (bench, successor)`: two proxies, the second of which has yet to
    take over."""

    @contextlib.asynccontextmanager
    async def start(**settings) -> AsyncIterator[tuple[Bench, Successor]]:
        settings.setdefault("drain_s", 0.1)
        async with proxy_bench(**settings) as bench:
            successor = Successor(bench, tmp_path)
            try:
                yield bench, await successor.start()
            finally:
                await successor.service.stop()
                assert not successor.failures

    return start
