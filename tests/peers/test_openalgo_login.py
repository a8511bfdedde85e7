"""The unmodified `openalgo` package logs in with the key that its user has in OpenAlgo itself."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.peer, pytest.mark.process, pytest.mark.timeout(120)]

CLIENT = Path(__file__).with_name("openalgo_client.py")
ALICE = "aaaaaaaa1f2e3d4c5b6a7988071625344352617000000000000000000000alic"
ENV = """
API_KEY_PEPPER = 'fixture-pepper-0123456789abcdef0123456789abcdef0123456789abcdef00'
FERNET_SALT = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
DATABASE_URL = 'sqlite:///db/openalgo.db'
"""
CONFIG = """
[openalgo]
env_file = "install/.env"
bus = "off"
[simulators.sim]
broker = "zerodha"
[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = { api_key = "k", access_token = "t" }
"""


def test_key_of_an_openalgo_install_works_with_no_second_set_up(
    system, peer_python, openalgo_database
):
    one = system(CONFIG)
    install = one.folder / "install"
    (install / "db").mkdir(parents=True)
    (install / ".env").write_text(ENV)
    shutil.copy(openalgo_database, install / "db" / "openalgo.db")
    one.up()
    wanted = json.dumps({"ltp": [["NSE", "SBIN"]]})
    done = subprocess.run(
        [peer_python("openalgo"), CLIENT, one.url(), wanted, "5"],
        input=ALICE + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(messages) == 5
    assert {(m["exchange"], m["symbol"]) for m in messages} == {("NSE", "SBIN")}
    assert ALICE not in one.logs()
