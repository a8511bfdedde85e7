"""The wheel works where it is installed, without this checkout."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.process
@pytest.mark.timeout(180)
def test_the_wheel_installs_elsewhere_and_runs(tmp_path):
    def run(*command):
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "elsewhere", with_pip=False)
    python = tmp_path / "elsewhere" / "bin" / "python"
    uv = (sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python)
    run(*uv, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt")
    run(*uv, "--no-deps", wheel)
    script = tmp_path / "elsewhere" / "bin" / "openalgo-stream"
    config = tmp_path / "c.toml"
    config.write_text('[proxy]\nport = 0\n[paths]\nstate = "state"\n')
    run(script, "up", "--demo", "--detach", "--config", config)
    try:
        assert "zerodha" in run(script, "status", "--config", config)
        assert "RELIANCE" in run(script, "tail", "NSE:RELIANCE", "-n", "1", "--config", config)
    finally:
        run(script, "down", "--config", config)
