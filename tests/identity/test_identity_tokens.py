"""JSON Web Tokens: who they name, what they may, and every way of forging one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey, RSAKey

from bus.access import JwtSettings, RoleSettings
from bus.secret import Secret
from bus.topics import Mode
from identity.scopes import Roles
from identity.tokens import TokenAuthority, TokenError

SECRET = "an HS256 secret of 32 bytes or more"
NOW = 1_800_000_000
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # by whoever signs
ROLES = Roles({"small": RoleSettings(exchanges=["NSE", "BSE"], symbols=10, orders=True)})


class Clock:
    def __init__(self):
        self.now = NOW

    def monotonic(self):
        return float(self.now)

    def unix_ns(self):
        return self.now * 1_000_000_000


@pytest.fixture(scope="module")
def rsa():
    return RSAKey.generate_key(2048, {"kid": "r"})


@pytest.fixture(scope="module")
def ed():
    return OKPKey.generate_key("Ed25519", {"kid": "e"})


@pytest.fixture
def jwks(tmp_path, rsa, ed):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([rsa, ed]).as_dict(private=False)))
    return path


def authority(clock=None, **settings):
    return TokenAuthority(JwtSettings(**settings), ROLES, clock or Clock())


def hs256(secret=SECRET, **claims):
    claims = {"sub": "alice", "exp": NOW + 60} | claims
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


def test_shared_secret_names_a_user_until_the_token_ends():
    clock = Clock()
    tokens = authority(clock, secret=Secret(SECRET))
    identity = tokens.verify(hs256(role="trader"))
    assert (identity.user, identity.expires) == ("alice", NOW + 90)
    assert identity.scopes == ROLES.get("trader")
    assert tokens.renew(identity) == identity
    clock.now = NOW + 91
    assert tokens.renew(identity) is None
    assert tokens.verify(hs256(role="trader")) is None


@pytest.mark.parametrize("kind", ["RS256", "EdDSA", "Ed25519"])
def test_public_keys_of_a_jwks_file_verify(kind, jwks, rsa, ed):
    key = rsa if kind == "RS256" else ed
    registry = jwt.JWSRegistry(algorithms=[kind])
    token = jwt.encode(
        {"alg": kind, "kid": key.kid}, {"sub": "bob", "exp": NOW + 60}, key, registry=registry
    )
    tokens = authority(jwks=str(jwks))
    assert tokens.verify(token).user == "bob"
    assert tokens.verify(token).scopes == ROLES.get("viewer")
    assert tokens.verify(token[:-4] + "AAAA") is None


def test_public_key_is_no_shared_secret(jwks, rsa):
    """The classic confusion: HS256 with the public key's text as its secret."""
    for text in (rsa.as_pem(private=False), json.dumps(rsa.as_dict(private=False)).encode()):
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"r"}').rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps({"sub": "x", "exp": NOW + 9}).encode())
        signed = head + b"." + body.rstrip(b"=")
        mac = base64.urlsafe_b64encode(hmac.digest(text, signed, hashlib.sha256)).rstrip(b"=")
        forged = (signed + b"." + mac).decode()
        assert authority(jwks=str(jwks)).verify(forged) is None
        assert authority(jwks=str(jwks), secret=Secret(SECRET)).verify(forged) is None


def test_token_without_signature_is_nobody():
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps({"sub": "x", "exp": NOW + 9}).encode()).decode()
    tokens = authority(secret=Secret(SECRET))
    for forged in (f"{head}.{body.rstrip('=')}.", f"{head}.{body.rstrip('=')}.AAAA"):
        assert tokens.verify(forged) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": NOW + 600},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 65},
        {"sub": "a\nb"},
        {"role": "king"},
        {"role": ["admin"]},
        {"stream": {"modes": ["FULL"]}},
        {"stream": {"everything": True}},
        {"stream": 1},
    ],
)
def test_claims_that_make_nobody(claims, caplog):
    token = hs256(**claims)
    assert authority(secret=Secret(SECRET)).verify(token) is None
    assert token not in caplog.text


def test_token_of_another_secret_issuer_or_audience_is_nobody():
    tokens = authority(secret=Secret(SECRET), issuer="us", audience="stream")
    good = {"iss": "us", "aud": ["stream", "web"]}
    assert tokens.verify(hs256(**good)).user == "alice"
    assert tokens.verify(hs256("some other secret of 32 bytes or so", **good)) is None
    assert tokens.verify(hs256(iss="us")) is None
    assert tokens.verify(hs256(**good | {"iss": "them"})) is None
    assert tokens.verify(hs256(**good | {"aud": "web"})) is None


def test_claim_narrows_the_role_and_never_widens_it():
    wish = {"exchanges": ["NSE", "MCX"], "modes": ["LTP"], "symbols": 99, "admin": True}
    scopes = authority(secret=Secret(SECRET)).verify(hs256(role="small", stream=wish)).scopes
    assert scopes.exchanges == {"NSE"}
    assert scopes.modes == {Mode.LTP}
    assert (scopes.symbols, scopes.orders, scopes.admin) == (10, True, False)
    scopes = authority(secret=Secret(SECRET)).verify(hs256(stream={"orders": False})).scopes
    assert not scopes.orders


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "." * 9000, "..", "é.é.é", "a.b.c.d"])
def test_other_text_is_nobody(text, jwks):
    assert authority(secret=Secret(SECRET), jwks=str(jwks)).verify(text) is None


def test_key_that_leaves_the_jwks_file_ends_what_it_signed(jwks, rsa, ed):
    tokens = authority(jwks=str(jwks))
    signed = [
        jwt.encode({"alg": "RS256"}, {"sub": "a", "exp": NOW + 60}, rsa),
        jwt.encode(
            {"alg": "EdDSA"},
            {"sub": "b", "exp": NOW + 60},
            ed,
            registry=jwt.JWSRegistry(algorithms=["EdDSA"]),
        ),
    ]
    identities = [tokens.verify(token) for token in signed]
    assert tokens.changed()
    assert not tokens.changed()
    jwks.write_text("half a file")
    os.utime(jwks, ns=(1, 1))
    assert not tokens.changed()
    assert tokens.verify(signed[0]).user == "a"
    jwks.write_text(json.dumps(KeySet([ed]).as_dict(private=False)))
    os.utime(jwks, ns=(2, 2))
    assert tokens.changed()
    assert [tokens.renew(one) for one in identities] == [None, identities[1]]
    assert [tokens.verify(token) for token in signed] == [None, identities[1]]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keys": [{"kty": "nonsense"}]}', "\xff"])
def test_jwks_file_that_is_none_is_a_clear_error(tmp_path, text):
    path = tmp_path / "jwks.json"
    path.write_text(text)
    with pytest.raises(TokenError, match=r"jwks\.json"):
        authority(jwks=str(path))


def test_jwks_file_must_not_hold_a_shared_secret(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([OctKey.import_key(SECRET)]).as_dict(private=True)))
    with pytest.raises(TokenError, match="shared secret"):
        authority(jwks=str(path))
