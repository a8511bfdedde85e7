"""A simulated or recorded market as the frames that an adapter would have published of it.

What a broker's packet does not hold a market has as 0, so zeros are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from adapters.codec import Book, Tick
from adapters.ticks.normalize import Outlet
from bus import frames
from bus.frames import Frame, Kind
from bus.topics import Mode, Topic
from simulators.markets.market import Market, Snapshot


def frames_of(
    market: Market, adapter: str, modes: Sequence[Mode], began_ns: int | None = None
) -> Iterator[Frame]:
    """Every tick of a market, in the given modes, as generation 1 of an adapter.

    `began_ns` is the Unix time of the market's beginning; that of its first tick when left out.

    Raises:
        DataError: while being iterated, the market's file cannot be read on.
    """
    out: list[Frame] = []
    sequences: dict[bytes, int] = {}

    def publish(topic: bytes, payload: bytes, received_ns: int, flags: int) -> None:
        sequence = sequences[topic] = sequences.get(topic, 0) + 1
        out.append(Frame(topic[:-1], Kind.TICK, flags, 1, sequence, received_ns, payload))

    outlets = []
    for instrument in market.instruments:
        outlet = Outlet(instrument.exchange, instrument.symbol, partial=False)
        for mode in modes:
            topic = Topic.make(adapter, instrument.exchange, instrument.symbol, mode)
            outlet.set_topic(mode, topic.wire)
        outlets.append(outlet)
    for at, snapshot in market.events():
        if began_ns is None:
            began_ns = (snapshot.exchange_ms or snapshot.last_trade_ms) * 1_000_000 - int(at * 1e9)
        outlets[snapshot.number].emit(tick_of(snapshot), began_ns + int(at * 1e9), publish)
        yield from out
        out.clear()


def tick_of(snapshot: Snapshot) -> Tick:
    """A snapshot as a broker's full packet."""
    return Tick(
        key=snapshot.number,
        mode=Mode.DEPTH,
        ltp=snapshot.ltp,
        ltq=snapshot.last_quantity or None,
        average_price=snapshot.average_price or None,
        volume=snapshot.volume or None,
        total_buy_quantity=snapshot.buy_quantity or None,
        total_sell_quantity=snapshot.sell_quantity or None,
        open=snapshot.open or None,
        high=snapshot.high or None,
        low=snapshot.low or None,
        close=snapshot.close or None,
        last_trade_time=snapshot.last_trade_ms or None,
        oi=snapshot.oi or None,
        exchange_timestamp=snapshot.exchange_ms or None,
        depth=Book(
            [(level.price, level.quantity, level.orders) for level in snapshot.bids],
            [(level.price, level.quantity, level.orders) for level in snapshot.asks],
        ),
    )


def batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """A thousand at a time."""
    while batch := list(islice(frames, 1000)):
        yield batch


def wire(frame: Frame) -> bytes:
    """A frame as it travels."""
    return frames.encode(
        frame.topic + b"\0",
        Kind(frame.kind),
        frame.flags,
        frame.generation,
        frame.sequence,
        frame.received_ns,
        frame.payload,
    )
