"""TLS: real handshakes, a certificate that is renewed under way, and what cannot be loaded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl

import pytest
from certificates import issue, settings, trusting
from cryptography import x509

from bus.access import AccessSettings, LimitSettings
from bus.control.exits import Exit
from bus.control.service import ExitError
from proxy.entrance.tls import Certificate, TlsError

PING = {"action": "ping"}


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    return folder


def serial(client):
    der = client.connection.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number


def test_certificate_is_renewed_without_a_restart_and_open_connections_stay(proxy_bench, files):
    first = issue(files, "first")

    async def scenario():
        async with proxy_bench(**settings(files)) as bench:
            assert bench.address.startswith("wss://")
            before = await bench.client("alice", ssl=trusting(files))
            assert serial(before) == first
            second = issue(files, "second")
            certificate = bench.service._server._certificate
            await bench.until(lambda: certificate.reloads_total == 1)
            after = await bench.client("alice", ssl=trusting(files))
            assert serial(after) == second
            assert (await before.ask(PING))["type"] == "pong"
            await after.subscribe()
            bench.adapter.tick(ltp=1)
            assert (await after.receive())["data"]["ltp"] == 1

    asyncio.run(scenario())


def test_pair_that_does_not_fit_changes_nothing_and_is_said_once(files, caplog):
    issue(files, "first")
    certificate = Certificate(*settings(files).values())
    key = (files / "key.pem").read_bytes()
    issue(files, "second")
    good = (files / "key.pem").read_bytes()
    (files / "key.pem").write_bytes(key)  # the new certificate with the old key
    certificate.look()
    certificate.look()
    assert certificate.reloads_total == 0
    assert caplog.text.count("stays") == 1
    (files / "cert.pem").unlink()
    certificate.look()
    assert certificate.reloads_total == 0
    issue(files, "third")
    certificate.look()
    assert certificate.reloads_total == 1
    assert good.decode() not in caplog.text


def test_only_modern_tls_is_spoken(files):
    issue(files, "a")
    assert Certificate(*settings(files).values()).context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("wrong", ["missing", "garbage", "encrypted"])
def test_files_that_cannot_be_used_end_the_process_with_their_names(proxy_bench, files, wrong):
    if wrong == "encrypted":
        issue(files, "a", password=b"secret")
    elif wrong == "garbage":
        (files / "cert.pem").write_text("no certificate")
        (files / "key.pem").write_text("no key")
    with pytest.raises(TlsError, match=r"cert\.pem with key .*key\.pem"):
        Certificate(*settings(files).values())

    async def scenario():
        async with proxy_bench(**settings(files)):
            pass

    with pytest.raises(ExitError, match=r"cert\.pem") as ended:
        asyncio.run(scenario())
    assert ended.value.code == Exit.CONFIGURATION


def test_connection_that_never_begins_its_tls_handshake_is_cut_off(proxy_bench, files):
    issue(files, "a")
    access = AccessSettings(limits=LimitSettings(open_timeout_s=0.3))

    async def scenario():
        async with proxy_bench(access=access, **settings(files)) as bench:
            silent = [await asyncio.open_connection("127.0.0.1", bench.port) for _ in range(20)]
            plain_reader, plain = await asyncio.open_connection("127.0.0.1", bench.port)
            plain.write(b"GET / HTTP/1.1\r\n\r\n")
            client = await bench.client("alice", ssl=trusting(files))
            async with asyncio.timeout(5):
                for reader, writer in silent:
                    with contextlib.suppress(ConnectionError):
                        assert not await reader.read()
                    writer.close()
                with contextlib.suppress(ConnectionError):
                    await plain_reader.read()
                plain.close()
            assert (await client.ask(PING))["type"] == "pong"

    asyncio.run(scenario())


def test_stamp_sees_a_file_replaced_within_one_clock_tick(files):
    issue(files, "a")
    certificate = Certificate(*settings(files).values())
    stat = (files / "cert.pem").stat()
    (files / "cert.pem").unlink()
    (files / "key.pem").rename(files / "old.pem")
    issue(files, "b")
    for name in ("cert.pem", "key.pem"):
        os.utime(files / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    certificate.look()
    assert certificate.reloads_total == 1


def test_status_of_a_connection_that_has_just_ended_is_told(proxy_bench, files):
    """asyncio's TLS transports forget all they know when they are closed twice."""
    issue(files, "a")

    async def scenario():
        async with proxy_bench(**settings(files)) as bench:
            await bench.client("alice", ssl=trusting(files))
            [client] = bench.service._server.clients
            for _ in range(2):
                client.connection.transport.close()
            [status] = bench.service.clients()[0]
            assert status.address.startswith("127.0.0.1:")
            assert status.queue_bytes == 0
            client.look(bench.service._host.clock.monotonic())

    asyncio.run(scenario())
