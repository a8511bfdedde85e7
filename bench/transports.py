"""Every transport side by side: how late a message is, and how many go through.

Two processes, messages of 100 bytes. Latency: one message a millisecond, from just before it is
written to just after it is read; of all, and of the thousand in a row with the lowest median, which
tells of the transport where the whole tells of what else the machine did. Throughput: as fast as
the writer can, in one go, until the reader has the last one; the reader must get all of them or
the run says how many not. With iceoryx2 (`pip install iceoryx2`) there is one more to compare with.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

import transport_ends as ends

LATENCY_MESSAGES = 5000
QUIET_MESSAGES = 1000
LATENCY_PAUSE_S = 0.001
MESSAGE_BYTES = 100
STAMP_BYTES = 8
END = b"end"

#: name -> the writer's end, the reader's end, messages per write
TRANSPORTS: dict[str, tuple[Callable[[], ends.Writer], Callable[[str], ends.Reader], int]] = {
    "ZeroMQ tcp": (ends.ZmqWriter, ends.ZmqReader, 1),
    "ZeroMQ tcp, reader spins": (ends.ZmqWriter, ends.ZmqSpinner, 1),
    "ZeroMQ ipc": (ends.ZmqIpcWriter, ends.ZmqReader, 1),
    "ZeroMQ ipc, reader spins": (ends.ZmqIpcWriter, ends.ZmqSpinner, 1),
    "lane": (ends.LaneEndWriter, ends.LaneSleeper, 1),
    "lane, reader spins": (ends.LaneEndWriter, ends.LaneSpinner, 1),
    "lane, reader spins, 64 a write": (ends.LaneEndWriter, ends.LaneSpinner, 64),
}
if importlib.util.find_spec("iceoryx2"):
    TRANSPORTS["iceoryx2, reader spins"] = (ends.IceoryxWriter, ends.IceoryxSpinner, 1)


def write(name: str, pipe: Connection, count: int) -> None:
    """The writer's process."""
    make, _, batch = TRANSPORTS[name]
    writer = make()
    pipe.send(writer.address)
    writer.reader_is(pipe.recv())
    pad = bytes(MESSAGE_BYTES - STAMP_BYTES)
    due = time.monotonic()
    for _ in range(LATENCY_MESSAGES):
        due += LATENCY_PAUSE_S
        while time.monotonic() < due:
            pass  # a sleep would be late by more than a message takes
        writer.write([time.monotonic_ns().to_bytes(STAMP_BYTES, "little") + pad])
    pipe.recv()  # the reader has them
    message = bytes(MESSAGE_BYTES)
    messages = [message] * batch
    began, used = time.monotonic(), time.process_time()
    for _ in range(count // batch):
        writer.write(messages)
    pipe.send((began, time.monotonic() - began, time.process_time() - used))
    time.sleep(0.1)
    writer.write([END])
    pipe.recv()  # the reader is done
    writer.close()


def read(name: str, address: str, pipe: Connection) -> None:
    """The reader's process."""
    _, make, _ = TRANSPORTS[name]
    reader = make(address)
    pipe.send(reader.name)
    late: list[float] = []
    while len(late) < LATENCY_MESSAGES:
        found = reader.read()
        now = time.monotonic_ns()
        late += [(now - int.from_bytes(m[:STAMP_BYTES], "little")) / 1000 for m in found]
    pipe.send(late)
    seen, last, used = 0, 0.0, time.process_time()
    cpu = 0.0
    while True:
        found = reader.read()
        if found and found[-1].startswith(END):
            seen += len(found) - 1
            break
        if found:
            seen += len(found)
            last, cpu = time.monotonic(), time.process_time() - used
    pipe.send((seen, last, cpu))
    reader.close()


def measure(name: str, count: int) -> dict[str, float]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    our_reader, their_reader = spawn.Pipe()
    writer = spawn.Process(target=write, args=(name, theirs, count), daemon=True)
    writer.start()
    address = ours.recv()
    reader = spawn.Process(target=read, args=(name, address, their_reader), daemon=True)
    reader.start()
    ours.send(our_reader.recv())
    late = our_reader.recv()
    ours.send("go")
    began, writing_s, writer_cpu_s = ours.recv()
    seen, last, reader_cpu_s = our_reader.recv()
    ours.send("done")
    for process in (writer, reader):
        process.join()
    cuts = quantiles(late[len(late) // 10 :], n=1000)
    quiet = quietest(late)
    sent = count // TRANSPORTS[name][2] * TRANSPORTS[name][2]
    return {
        "p50_us": cuts[499],
        "p99_us": cuts[989],
        "p99.9_us": cuts[998],
        "quiet_p50_us": quiet[49],
        "quiet_p99_us": quiet[98],
        "written_per_s": sent / writing_s,
        "read_per_s": seen / (last - began),
        "writer_us": writer_cpu_s / sent * 1e6,
        "reader_us": reader_cpu_s / max(seen, 1) * 1e6,
        "lost": sent - seen,
    }


def quietest(late: list[float]) -> list[float]:
    """Percentiles of the thousand in a row with the lowest median."""
    step = QUIET_MESSAGES // 4
    starts = range(0, len(late) - QUIET_MESSAGES + 1, step)
    rows = (quantiles(late[start : start + QUIET_MESSAGES], n=100) for start in starts)
    return min(rows, key=lambda row: row[49])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="messages of a throughput run")
    parser.add_argument("--only", default="", help="transports whose names hold this")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    options = parser.parse_args()
    print(f"{'transport':34}{'p50 us':>10}{'p99':>10}{'p99.9':>10}{'quiet p50':>11}{'p99':>10}"
          f"{'read/s':>12}{'lost':>7}{'us CPU to write':>17}{'to read':>9}")  # fmt: skip
    figures = {}
    for name in TRANSPORTS:
        if options.only in name:
            f = figures[name] = measure(name, options.count)
            print(
                f"{name:34}{f['p50_us']:10.1f}{f['p99_us']:10.1f}{f['p99.9_us']:10.1f}"
                f"{f['quiet_p50_us']:11.1f}{f['quiet_p99_us']:10.1f}"
                f"{f['read_per_s']:12,.0f}{f['lost']:7,.0f}{f['writer_us']:17.2f}"
                f"{f['reader_us']:9.2f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
