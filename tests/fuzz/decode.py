"""Coverage-guided fuzzing of brokers' codecs, seeded with golden frames where there are some.

    python tests/fuzz/decode.py zerodha                  # a million runs
    python tests/fuzz/decode.py zerodha dhan --runs 20000

The environment is made on first use (tests/peers/atheris.txt). An input that breaks the
contract is kept in `crashes`, and is told in hexadecimal.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from peer_env import peer_python  # noqa: E402 - its folder is known only now

TEXT = 0x8000
MAX_FRAME = 0x7FFF
#: libFuzzer's word for how far it got: blocks and edges of the codec's bytecode.
PROGRESS = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


def vectors(broker):
    named = os.environ.get("OPENALGO_STREAM_TEST_DATA")
    shared = Path(named).parent if named else ROOT.parent / "shared"
    return shared / "brokers" / "vectors" / f"{broker}.json"


def seeds(broker, streams):
    """One input per golden case."""
    path = vectors(broker)
    cases = json.loads(path.read_text()) if path.is_file() else []
    for case in cases:
        stream = case.get("context", {}).get("stream") or streams[0]
        data = bytes([streams.index(stream)])
        for frame in case["frames"]:
            text = frame["kind"] == "text"
            content = frame["data"].encode() if text else bytes.fromhex(frame["data"])
            if len(content) <= MAX_FRAME:
                data += (len(content) | (TEXT if text else 0)).to_bytes(2, "little") + content
        yield data


def fuzz(broker, streams, runs, seed):
    """The figures of one broker's runs; raises SystemExit with the input that broke it."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, crashes = Path(folder) / "corpus", Path(folder) / "crashes"
        corpus.mkdir()
        crashes.mkdir()
        for number, data in enumerate(seeds(broker, streams)):
            (corpus / f"seed-{number}").write_bytes(data)
        seeded = len(list(corpus.iterdir()))
        begun = time.monotonic()
        done = subprocess.run(
            [
                *(str(peer_python("atheris")), str(HERE / "target.py"), broker, str(corpus)),
                *(f"-runs={runs}", f"-seed={seed}", "-max_len=4096", "-timeout=20"),
                *("-rss_limit_mb=2048", f"-artifact_prefix={crashes}/"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        seconds = time.monotonic() - begun
        found = [file.read_bytes().hex() for file in crashes.iterdir()]
    if done.returncode or found:
        # atheris tells of the exception on the standard output.
        raise SystemExit(f"{broker}: BROKEN by {found}\n{done.stdout}\n{done.stderr[-1000:]}")
    cov, features, kept = map(int, PROGRESS.findall(done.stderr)[-1])
    return {
        "broker": broker,
        "runs": runs,
        "seeds": seeded,
        "seconds": round(seconds, 1),
        "edges": cov,
        "features": features,
        "corpus": kept,
        "crashes": 0,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("brokers", nargs="+")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from adapters import registry  # noqa: PLC0415 - `--help` needs none of it

    for broker in options.brokers:
        streams = [stream.name for stream in registry.find(broker).streams]
        figures = fuzz(broker, streams, options.runs, options.seed)
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
