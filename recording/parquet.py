"""A recording as a Parquet file: one row per tick, whatever its mode.

Prices are doubles in rupees, quantities 64-bit integers, times timestamps in UTC, names
dictionaries, books lists of {price, quantity, orders}. What a tick does not have is null.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bus.errors import TopicError
from bus.frames import OWN_CLOCK, Frame, Kind
from bus.topics import Topic
from recording.errors import RecordingError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS: Final = 20_000
_PRICES: Final = (
    *("ltp", "open", "high", "low", "close", "average_price", "change", "change_percent"),
    *("bid_price", "ask_price"),
)
_NUMBERS: Final = (
    *("volume", "last_quantity", "oi", "bid_size", "ask_size"),
    *("total_buy_quantity", "total_sell_quantity"),
)
_TIMES: Final = ("timestamp", "ltt")
_BOOK: Final = ("bids", "asks")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def schema() -> pa.Schema:
    """The columns. Raises RecordingError: pyarrow is not installed."""
    pa = _pyarrow()
    word = pa.dictionary(pa.int32(), pa.string())
    level = pa.struct([("price", pa.float64()), ("quantity", pa.int64()), ("orders", pa.int64())])
    return pa.schema(
        [
            ("received", pa.timestamp("ns", tz="UTC")),
            *((name, word) for name in ("adapter", "exchange", "symbol", "mode")),
            ("generation", pa.uint32()),
            ("sequence", pa.uint64()),
            ("own_clock", pa.bool_()),
            *((name, pa.timestamp("ms", tz="UTC")) for name in _TIMES),
            *((name, pa.float64()) for name in _PRICES),
            *((name, pa.int64()) for name in _NUMBERS),
            *((name, pa.list_(level)) for name in _BOOK),
        ]
    )


def write(
    frames: Iterable[Frame], path: Path, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write the ticks among some frames; how many there were. `progress` gets the time of
    receipt reached. The file is there when it is whole.

    Raises:
        RecordingError: pyarrow is not installed, or the file cannot be written.
    """
    columns = schema()
    import pyarrow.parquet  # noqa: PLC0415 - an extra, and half a second

    pa = _pyarrow()
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    total = 0
    try:
        with pyarrow.parquet.ParquetWriter(new, columns, compression="zstd") as writer:
            ticks = (frame for frame in frames if frame.kind == Kind.TICK)
            for batch in _batches(ticks):
                rows = [row for frame in batch if (row := row_of(frame)) is not None]
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=columns))
                total += len(rows)
                progress(batch[-1].received_ns)
        new.replace(path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        new.unlink(missing_ok=True)
    return total


def row_of(frame: Frame) -> dict[str, Any] | None:
    """A tick as a row; None: it is no tick of ours."""
    try:
        topic = Topic.parse(frame.topic.decode())
        row = _decode(frame.payload)
    except (TopicError, UnicodeDecodeError, msgspec.DecodeError):
        return None
    # The names are the topic's: columns of one instrument are alike in all modes.
    row |= {
        "received": frame.received_ns,
        "adapter": topic.broker.lower(),
        "exchange": topic.exchange,
        "symbol": topic.symbol,
        "mode": topic.mode.name,
        "generation": frame.generation,
        "sequence": frame.sequence,
        "own_clock": bool(frame.flags & OWN_CLOCK),
    }
    return row


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, _ROWS)):
        yield batch


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
    except ImportError:
        raise RecordingError(
            "Parquet needs pyarrow, which is not installed: pip install 'openalgo-stream[parquet]'"
        ) from None
    return pa
