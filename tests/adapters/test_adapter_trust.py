"""TLS to brokers: one context for all connections, which trusts whom the system trusts."""

import asyncio
import io
import ssl

import pytest
from certificates import issue
from websockets.asyncio.server import serve

from adapters.brokers.zerodha.broker import BROKER
from adapters.codec import HttpRequest
from adapters.connecting.dialing import dial
from adapters.errors import BrokerError, FetchError
from adapters.fetch import fetch
from adapters.redact import Redactor
from adapters.threads import in_daemon_thread
from adapters.trust import trust


@pytest.fixture
def broker(tmp_path, monkeypatch):
    """Runs a scenario against a TLS server whose certificate the system trusts, or does not."""
    issue(tmp_path, "broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def nothing(connection):
        await connection.wait_closed()

    def answer(connection, request):
        return connection.respond(200, "a master") if request.path == "/master" else None

    def run(scenario, *, trusted):
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        trust.cache_clear()

        async def inside():
            async with serve(nothing, "localhost", 0, ssl=context, process_request=answer) as it:
                return await scenario(f"localhost:{it.sockets[0].getsockname()[1]}")

        return asyncio.run(inside())

    yield run
    trust.cache_clear()


async def master_of(address):
    body = io.BytesIO()
    asked = HttpRequest(url=f"https://{address}/master")
    await in_daemon_thread(lambda: fetch(asked, body, max_bytes=100))
    return body.getvalue()


async def dialled(address, account):
    stream = BROKER.streams[0]
    codec = BROKER.codec(account(f"wss://{address}/"), stream.name)
    return await dial(codec, stream, Redactor(codec.account))


def test_who_is_trusted_is_read_once_for_feed_and_master(broker, account):
    async def scenario(address):
        assert await master_of(address) == b"a master"
        connection = await dialled(address, account)
        used = connection.transport.get_extra_info("sslcontext")
        await connection.close()
        return used, trust.cache_info().misses

    used, read = broker(scenario, trusted=True)
    assert used is trust()
    assert read == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(broker, account):
    async def scenario(address):
        with pytest.raises(FetchError, match="SSLCertVerificationError"):
            await master_of(address)
        with pytest.raises(BrokerError, match="SSLCertVerificationError"):
            await dialled(address, account)

    broker(scenario, trusted=False)
