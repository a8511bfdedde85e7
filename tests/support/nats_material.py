"""What servers of NATS are protected with: certificates, keys, signed credentials."""

import base64
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import nkeys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def keypair(prefix=nkeys.PREFIX_BYTE_USER):
    """A new nkey of a kind; its seed and its public key, as text."""
    seed = nkeys.encode_seed(secrets.token_bytes(32), prefix)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


def _token(issuer_seed, issuer, subject, name, nats):
    """A JWT as NATS has them."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"iat": int(time.time()), "iss": issuer, "name": name, "sub": subject, "nats": nats}
    digest = hashlib.sha512(json.dumps(claims).encode()).digest()[:32]
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    body = f"{part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{part(claims)}"
    sign = nkeys.from_seed(bytearray(issuer_seed.encode())).sign
    signed = base64.urlsafe_b64encode(sign(body.encode())).rstrip(b"=").decode()
    return f"{body}.{signed}"


def operator():
    """A server's configuration with an operator and one account, and a user's credentials."""
    operator_seed, operator_key = keypair(nkeys.PREFIX_BYTE_OPERATOR)
    account_seed, account_key = keypair(nkeys.PREFIX_BYTE_ACCOUNT)
    user_seed, user_key = keypair()
    no_jetstream = dict.fromkeys(
        ("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1
    )
    everything = no_jetstream | dict.fromkeys(
        ("mem_storage", "disk_storage", "streams", "consumer"), -1
    )
    of_operator = _token(
        *(operator_seed, operator_key, operator_key, "operator"), {"type": "operator", "version": 2}
    )
    _, system_key = keypair(nkeys.PREFIX_BYTE_ACCOUNT)
    accounts = {
        key: _token(
            *(operator_seed, operator_key, key, "account"),
            {"limits": {**limits, "wildcards": True}, "type": "account", "version": 2},
        )
        for key, limits in ((account_key, everything), (system_key, no_jetstream))
    }
    of_user = _token(
        *(account_seed, account_key, user_key, "user"),
        {"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2},
    )
    preload = "\n".join(f"{key}: {account}" for key, account in accounts.items())
    configuration = (
        f"operator: {of_operator}\nresolver: MEMORY\n"
        f"system_account: {system_key}\nresolver_preload: {{ {preload} }}\n"
    )
    credentials = (
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user_seed}\n------END USER NKEY SEED------\n"
    )
    return configuration, credentials


class Certificates:
    """An authority of its own, and certificates for 127.0.0.1, as PEM files in a folder."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self.ca = folder / "ca.pem"
        made = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._write(self.ca, made.sign(self._key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        made = self._builder(subject, key).add_extension(names, critical=False)
        certificate, private = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        self._write(certificate, made.sign(self._key, hashes.SHA256()))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def _builder(self, subject, key):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    @staticmethod
    def _write(path, certificate):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
