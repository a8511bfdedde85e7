"""How fast `up` brings a fleet up, what it weighs, and what one more adapter costs.

Real processes: one simulator, N adapters against it (each with its own api_key, as Kite allows
three connections per key), the market-data service, the proxy, the supervisor.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import time
from pathlib import Path
from typing import Any

from instance import Instance, machine, pss_bytes

FEW = 5


def config(adapters: int, *, template: bool) -> str:
    tables = "".join(
        f'[adapters.a{n:02}]\nbroker = "zerodha"\nurl = "simulator:sim"\n'
        'instruments = "simulator:sim"\n'
        f'credentials = {{ api_key = "key-{n}", access_token = "token" }}\n'
        for n in range(adapters)
    )
    supervisor = f"[supervisor]\ntemplate = {str(template).lower()}\n"
    return f'[proxy]\nport = 0\n{supervisor}[simulators.sim]\nbroker = "zerodha"\n{tables}'


def measure(adapters: int, *, template: bool, settle_s: float) -> dict[str, Any]:
    """One `up`, from the start of the command to the last process at work."""
    with Instance(config(adapters, template=template)) as instance:
        instance.wait_until_running()
        lines = instance.log("supervisor").splitlines()
        moments = [
            when(line) - instance.began_unix
            for line in map(json.loads, lines)
            if line["event"].endswith(" is running")
        ]
        time.sleep(settle_s)
        processes = instance.all_processes()
        weights = {p.pid: pss_bytes(p) / 1e6 for p in processes}
        names = {p.pid: p.name for p in instance.status()}
        cpu_s = sum(sum(p.cpu_times()[:2]) for p in processes)
    by_adapter = [mb for pid, mb in weights.items() if names.get(pid or 0, "").startswith("a")]
    return {
        "adapters": adapters,
        "processes": len(weights),
        "all_running_s": round(max(moments), 3),
        "pss_mb": round(sum(weights.values()), 1),
        "adapter_pss_mb": round(statistics.median(by_adapter), 2),
        "supervisor_pss_mb": round(weights[processes[0].pid], 1),
        "cpu_s": round(cpu_s, 2),
    }


def when(line: dict[str, Any]) -> float:
    """The Unix time at which a log line was written."""
    return dt.datetime.fromisoformat(line["timestamp"]).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapters", type=int, default=29)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--settle", type=float, default=2.0, help="seconds before weighing")
    parser.add_argument("--plain", action="store_true", help="without the template")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    template = not options.plain
    kwargs = {"template": template, "settle_s": options.settle}
    few = measure(FEW, **kwargs)
    runs = [measure(options.adapters, **kwargs) for _ in range(options.runs)]
    more = options.adapters - FEW
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    result = {
        "template": template,
        "machine": machine(),
        "median": middle,
        "slowest_s": max(run["all_running_s"] for run in runs),
        "one_more_adapter": {
            "start_ms": round((middle["all_running_s"] - few["all_running_s"]) / more * 1000, 1),
            "cpu_ms": round((middle["cpu_s"] - few["cpu_s"]) / more * 1000, 1),
            "pss_mb": round((middle["pss_mb"] - few["pss_mb"]) / more, 2),
        },
        "runs": [few, *runs],
    }
    one = result["one_more_adapter"]
    print(
        f"{options.adapters} adapters, {'template' if template else 'plain spawn'}: "
        f"all running after {middle['all_running_s']:.2f} s (slowest {result['slowest_s']:.2f} s), "
        f"{middle['processes']:.0f} processes, {middle['pss_mb']:.0f} MB PSS, "
        f"CPU {middle['cpu_s']:.1f} s\n"
        f"one more adapter: {one['start_ms']:.0f} ms of start-up, {one['cpu_ms']:.0f} ms of CPU, "
        f"{one['pss_mb']:.1f} MB PSS"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
