"""Two whole systems: how late ticks are at a reader of the bus over there, beside one here."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
from instance import Instance
from two_sites import here, there

from bus import Subscriber

SYMBOLS = [f"NSE:COUNT{n:02}" for n in range(50)]


def any_port(config: str) -> str:
    return f"[proxy]\nport = 0\n{config}"


def through(url: str, rate: int, seconds: float) -> None:
    """A reader of the bus on each side, in a process of its own."""
    stream_name = f"R{rate}"
    options = f'stream = "{stream_name}", prefix = "r{rate}"'
    nats_keys = f'flow = "demand"\nstream = "{stream_name}"\nprefix = "r{rate}"'
    home_config = any_port(here(url, nats=nats_keys, rate=rate))
    far_config = any_port(there(url, options=options))
    with Instance(home_config) as home, Instance(far_config) as far:
        home.wait_until_running()
        far.wait_until_running()
        costs = [Cost(home, "bridge", "bridged_total"), Cost(far, "mumbai", "published_total")]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            states = [str(one.folder / "state") for one in (home, far)]
            jobs = [pool.submit(read_bus, state, seconds) for state in states]
            told = [job.result(seconds + 120) for job in jobs]
        spent = ", ".join(cost.us_per_tick() for cost in costs)
        lost = home.process("bridge").stats["lost_total"], far.process("mumbai").stats["lost_total"]
    for where, (count, lost_here, *late) in zip(("here", "over there"), told, strict=True):
        text = " / ".join(f"{ms:.1f}" for ms in late)
        print(
            f"  {rate:6}/s {where:10} {count / seconds:8,.0f}/s, {lost_here} lost, "
            f"p50/p99/p99.9 {text} ms",
            flush=True,
        )
    print(f"           us of CPU per tick: {spent}; lost by bridge and reader: {lost}", flush=True)


class Cost:
    """CPU time of a process for each tick that it passes on."""

    def __init__(self, instance: Instance, name: str, counter: str) -> None:
        self._instance, self._name, self._counter = instance, name, counter
        self._pid = instance.process(name).pid or 0
        self._before = self._now()

    def _now(self) -> tuple[float, int]:
        count = self._instance.process(self._name).stats[self._counter]
        assert isinstance(count, int)
        return sum(psutil.Process(self._pid).cpu_times()[:2]), count

    def us_per_tick(self) -> str:
        (cpu, count), (cpu_before, count_before) = self._now(), self._before
        return f"{self._name} {(cpu - cpu_before) / max(1, count - count_before) * 1e6:.0f}"


def read_bus(state: str, seconds: float) -> tuple[float, ...]:
    """Ticks of some seconds: how many, how many lost, and how late, in ms."""
    late: list[int] = []
    with Subscriber(state) as ticks:
        ticks.subscribe(*SYMBOLS)
        settle = time.monotonic() + 5.0
        until = settle + seconds
        while (now := time.monotonic()) < until:
            tick = ticks.read(1.0)
            if tick is not None and now >= settle:
                late.append(time.time_ns() - tick.received_ns)
        lost = ticks.lost_total
    late.sort()
    parts = (late[min(len(late) - 1, int(part * len(late)))] / 1e6 for part in (0.5, 0.99, 0.999))
    return (len(late), lost, *parts)
