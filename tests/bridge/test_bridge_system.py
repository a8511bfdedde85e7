"""From a broker over NATS to a client of another system, by real processes."""

import json
import os
import signal

import pytest
from nats_material import Certificates
from tally import SYMBOLS, everybody
from two_sites import here, nothing_is_lost, there

pytestmark = [pytest.mark.process, pytest.mark.peer, pytest.mark.timeout(600)]


#: All that a site needs of NATS.
PERMISSIONS = """
permissions {
  publish: ["md-demand.zerodha", "$JS.API.STREAM.INFO.MD"
            "$JS.API.CONSUMER.CREATE.MD.>", "$JS.FC.>"]
  subscribe: ["_INBOX.>", "md-hello"]
}"""


def test_a_client_over_there_gets_every_tick_and_demand_crosses(
    system, nats_server, tmp_path, monkeypatch
):
    """By TLS, with a password for each site, of which the far one may do little."""
    certificates = Certificates(tmp_path)
    certificate, key = certificates.issue("server")
    server = nats_server(
        f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\n'
        'authorization { users: [ { user: "home", password: "h0me-s3cret" }\n'
        f'{{ user: "far", password: "far-s3cret", {PERMISSIONS} }} ] }}'
    )
    url = f"tls://127.0.0.1:{server.port}"
    ca_file = f"ca_file = {json.dumps(str(certificates.ca))}"
    # The demand of a reader that is killed ends with its lease.
    login = 'flow = "demand"\nlease_s = 20\nuser = "home"\npassword = "env:TEST_NATS_PASSWORD"\n'
    monkeypatch.setenv("TEST_NATS_PASSWORD", "h0me-s3cret")
    (tmp_path / "far.secret").write_text("far-s3cret\n")
    credentials = f'{{ user = "far", password = "file:{tmp_path / "far.secret"}" }}'
    home = system(here(url, nats=login + ca_file)).up()
    far = system(there(url, options=ca_file, more=f"credentials = {credentials}")).up()
    far.wait_for(lambda: far.process("mumbai")["state"] == "running")
    assert home.process("zerodha")["stats"]["topics"] == 0
    (client,) = everybody(far, far.key(), (SYMBOLS, 1))
    far.wait_for(lambda: client.tally.received > 2000)
    assert home.process("zerodha")["stats"]["topics"] == len(SYMBOLS)
    assert home.process("bridge")["stats"]["sites"] == 1

    home.run("restart", "zerodha")  # a hand-over there is none of a client's business here
    far.run("restart", "mumbai")  # nor is one here
    seen = client.tally.received
    far.wait_for(lambda: client.tally.received > seen + 2000)

    os.kill(far.process("mumbai")["pid"], signal.SIGKILL)  # what it brought is known by its number
    seen = client.tally.received
    far.wait_for(lambda: client.tally.received > seen + 2000)

    server.kill()  # both sides wait for it; what is stored is there when it is back
    far.wait_for(lambda: far.process("mumbai")["state"] != "running")
    far.wait_for(lambda: home.process("bridge")["stats"]["waiting"] > 500)
    server.start()
    seen = client.tally.received
    far.wait_for(lambda: client.tally.received > seen + 2000)
    client.stop()
    client.tally.assert_exactly_once(SYMBOLS)
    home.wait_for(lambda: home.process("zerodha")["stats"]["topics"] == 0, 90)
    nothing_is_lost(home, far)
    for one in (home, far):
        assert "s3cret" not in one.logs() + json.dumps(one.status())
