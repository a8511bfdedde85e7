"""Generated protobuf modules are what their schemas say: `make proto` was run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIRE = Path("adapters") / "wire"


def test_generated_modules_are_of_their_schemas(tmp_path):
    schemas = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / WIRE).glob("*.proto"))
    assert schemas
    arguments = ["-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *schemas]
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, timeout=30)
    made = {path.name: path.read_text() for path in (tmp_path / WIRE).iterdir()}
    kept = {path.name: path.read_text() for path in (ROOT / WIRE).glob("*_pb2.py*")}
    assert kept == made
