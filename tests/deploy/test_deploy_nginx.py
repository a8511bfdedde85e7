"""The example of nginx, in front of a real run: ticks, the HTTP API and the console over TLS."""

import datetime as dt
import json
import re
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from programs_on_path import find, needs
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "deploy" / "nginx.conf"
NAME = "stream.example.org"
#: What docs/operations.md says that a configuration needs behind it.
CONFIG = f"""
[console]
enabled = true
port = 0
public_url = "https://{NAME}"

[simulators.market]
broker = "dhan"

[adapters.dhan]
url = "simulator:market"
instruments = "simulator:market"
credentials = {{ client_id = "c", access_token = "t" }}
"""
PROXY = f"""
public_url = "wss://{NAME}/ws"
origins = ["https://{NAME}"]
trusted_proxies = ["127.0.0.1"]
"""
pytestmark = [needs("nginx"), pytest.mark.process, pytest.mark.timeout(180)]


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key) of the example's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def whole(site, folder):
    """A configuration of nginx for one user, around a site."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return (
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}\n{site}\n}}\n"
    )


def adapted(certificate, ports):
    """The example with our certificate, on ports of our own."""
    text = EXAMPLE.read_text()
    for there, here in zip(("fullchain.pem", "privkey.pem"), certificate, strict=True):
        text = re.sub(rf"/etc/letsencrypt/\S+/{there}", str(here), text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{ports['plain']};")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{ports['tls']} ssl")
    for there, here in (("8765", "proxy"), ("8766", "marketdata"), ("8767", "console")):
        assert f"127.0.0.1:{there}" in text
        text = text.replace(f"127.0.0.1:{there}", f"127.0.0.1:{ports[here]}")
    return text


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def running(system, monkeypatch):
    monkeypatch.setenv("OPENALGO_STREAM_MARKETDATA_HOSTS", NAME)
    return system(CONFIG, PROXY).up()


@pytest.fixture
def site(running, certificate, tmp_path):
    """The example served by nginx: its port, and a TLS context that knows its certificate."""
    ports = {p["name"]: p["endpoint"].rpartition(":")[2] for p in running.status()["processes"]}
    ports |= {"plain": free_port(), "tls": free_port()}
    file = tmp_path / "nginx.conf"
    file.write_text(whole(adapted(certificate, ports), tmp_path))
    command = [find("nginx"), "-c", str(file), "-e", str(tmp_path / "error.log")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    nginx = subprocess.Popen(command)
    try:
        wait_for(ports["tls"])
        yield ports["tls"], ssl.create_default_context(cafile=certificate[0])
    finally:
        nginx.terminate()
        nginx.wait(20)


def wait_for(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def client(site):
    port, context = site

    def client(origin=f"https://{NAME}"):
        """A page's WebSocket, through nginx."""
        sock = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
        return connect(f"wss://{NAME}/ws", sock=sock, ssl=context, origin=origin)

    return client


@pytest.fixture
def call(site, monkeypatch):
    port, context = site
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest: real("127.0.0.1", *rest) if host == NAME else real(host, *rest),
    )
    https = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def call(path, body, **headers):
        request = urllib.request.Request(
            f"https://{NAME}:{port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Host": NAME, **headers},
        )
        return opener.open(request, timeout=20)

    return call


def test_ticks_go_through_it_and_to_nobody_else_s_pages(running, client):
    with client() as page:
        page.send(json.dumps({"action": "authenticate", "api_key": running.key()}))
        assert json.loads(page.recv(timeout=20))["status"] == "success"
        symbols = [{"symbol": "RELIANCE", "exchange": "NSE"}]
        page.send(json.dumps({"action": "subscribe", "mode": "LTP", "symbols": symbols}))
        for _ in range(5):
            while json.loads(page.recv(timeout=30)).get("type") != "market_data":
                pass
        clients = json.loads(running.run("status", "--clients", "--json").stdout)["clients"]
        assert [one["address"] for one in clients] == ["127.0.0.2"], "nginx's is told as theirs"
    with pytest.raises(InvalidStatus) as caught, client("https://elsewhere.example"):
        pass
    assert caught.value.response.status_code == 403


def test_the_http_api_and_the_console_go_through_it(running, call):
    key = running.key()
    asked = {"apikey": key, "symbol": "RELIANCE", "exchange": "NSE"}
    with call("/api/v1/quotes", asked) as answer:
        assert json.load(answer)["status"] == "success"
    with call("/", None) as page:
        assert (
            "connect-src 'self' wss://stream.example.org" in page.headers["Content-Security-Policy"]
        )
    origin = {"Origin": f"https://{NAME}"}
    with call("/api/login", {"apikey": key}, **origin) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert "Secure" in cookie
    with call("/api/events", None, Cookie=cookie.partition(";")[0]) as stream:
        events = {stream.readline() for _ in range(20)}
    assert b"event: status\n" in events, "events are held back"
    with pytest.raises(urllib.error.HTTPError) as caught:
        call("/api/login", {"apikey": "x"}, Origin="https://elsewhere.example")
    assert caught.value.code == 403
    caught.value.close()
