"""Credentials of every kind and TLS, against a real server; refusals in words."""

import asyncio

import pytest
from nats_material import Certificates, keypair, operator

from bridge.errors import LinkError, RefusedError
from bridge.link import Login, connected
from bus.secret import Secret
from bus.settings import NatsReach

pytestmark = [pytest.mark.peer]


def reach(server, scheme="nats", **more):
    return NatsReach(servers=[f"{scheme}://127.0.0.1:{server.port}"], **more)


def greet(given, login):
    """Connect, and ask JetStream something."""

    async def body():
        async with connected(given, login, "test", lambda _: None) as link:
            return await link.jetstream.account_info()

    return asyncio.run(body())


def kinds():
    seed, public = keypair()
    configuration, credentials = operator()
    other, _ = keypair()
    _, strange = operator()
    login = {key: Secret("s3cret") for key in ("password", "token")}
    return {
        "user": (
            'authorization { user: "bridge", password: "s3cret" }',
            Login(user="bridge", password=login["password"]),
            Login(user="bridge", password=Secret("wr0ng")),
        ),
        "token": (
            'authorization { token: "s3cret" }',
            Login(token=login["token"]),
            Login(token=Secret("wr0ng")),
        ),
        "nkey": (
            f"authorization {{ users: [ {{ nkey: {public} }} ] }}",
            Login(nkey=Secret(seed)),
            Login(nkey=Secret(other)),
        ),
        "creds": (
            configuration,
            Login(creds=Secret(credentials.strip())),
            Login(creds=Secret(strange.strip())),
        ),
    }


@pytest.mark.parametrize("kind", ["user", "token", "nkey", "creds"])
def test_each_kind_of_credentials_is_taken_and_a_wrong_one_refused(nats_server, kind):
    configuration, right, wrong = kinds()[kind]
    server = nats_server(configuration)
    assert greet(reach(server), right).limits is not None
    for login in (wrong, Login()):
        with pytest.raises(RefusedError) as refused:
            greet(reach(server), login)
        text = str(refused.value)
        assert "refuses the credentials" in text
        for secret in (login.password, login.token, login.nkey, login.creds):
            assert not secret or secret.reveal() not in text


def test_credentials_that_cannot_be_read_are_named_as_such(nats_server):
    server = nats_server(kinds()["creds"][0])
    for login in (Login(creds=Secret("not a file of credentials")), Login(nkey=Secret("SUX"))):
        with pytest.raises(RefusedError, match=r"^(creds|nkey): no"):
            greet(reach(server), login)


def test_tls_in_both_directions(nats_server, tmp_path):
    ours, others = (Certificates(tmp_path / name) for name in made(tmp_path, "ours", "others"))
    certificate, key = ours.issue("server")
    server = nats_server(
        f'tls {{ cert_file: "{certificate}", key_file: "{key}", '
        f'ca_file: "{ours.ca}", verify: true }}'
    )
    client = dict(zip(("certificate_file", "key_file"), map(str, ours.issue("us")), strict=True))
    for scheme in ("tls", "nats"):
        assert greet(reach(server, scheme, ca_file=str(ours.ca), **client), Login())
    with pytest.raises(LinkError, match="certificate verify failed"):
        greet(reach(server, "tls", ca_file=str(others.ca), **client), Login())
    with pytest.raises(LinkError):  # the server wants a certificate of ours
        greet(reach(server, "tls", ca_file=str(ours.ca)), Login())


def made(folder, *names):
    for name in names:
        (folder / name).mkdir()
    return names


def test_nobody_there_is_said_so():
    with pytest.raises(LinkError, match="no server can be reached"):
        greet(NatsReach(servers=["nats://127.0.0.1:1"]), Login())
