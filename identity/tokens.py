"""JSON Web Tokens as an authority: whoever runs a login server signs them, nothing is stored.

A token says who (`sub`), until when (`exp`, required), in which role, and may narrow that
role further with a claim `stream`. Signatures are HS256 with a shared secret, or RS256 and
EdDSA with public keys from a JWKS file; which algorithms count is decided by what is
configured, never by the token.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, OctKey

from bus.access import JwtSettings
from bus.clock import Clock
from identity.api_key import MAX_NAME_LENGTH
from identity.authority import Identity, IdentityError
from identity.scopes import Narrowing, Roles

logger = logging.getLogger(__name__)

MAX_TOKEN_LENGTH: Final = 8192
_SHARED: Final = ("HS256",)
_PUBLIC: Final = ("RS256", "EdDSA", "Ed25519")
_PREFIX: Final = "jwt:"


class TokenError(IdentityError):
    """The keys that tokens are checked with cannot be used."""


class TokenAuthority:
    """Checks tokens; `changed` also looks whether the JWKS file did.

    Raises:
        TokenError: the secret or the JWKS file cannot be used.
    """

    def __init__(self, settings: JwtSettings, roles: Roles, clock: Clock) -> None:
        self._settings = settings
        self._roles = roles
        self._clock = clock
        self._secret = _shared_key(settings.secret.reveal())
        self._path = Path(settings.jwks) if settings.jwks else None
        self._read_at: tuple[int, int] | None = None
        self._public: KeySet | None = None
        self._public_ids: frozenset[str] = frozenset()
        self._news = False
        if self._path is not None:
            self._read()

    def verify(self, credential: str) -> Identity | None:
        """Who the token says, if it is good. About 0.1 ms."""
        if len(credential) > MAX_TOKEN_LENGTH or credential.count(".") != 2:
            return None
        try:
            claims, key_id = self._open(credential)
            self._claims_registry().validate(claims)
            return self._identity(credential, claims, key_id)
        except (JoseError, ValueError, TypeError) as error:
            # Its class tells what is wrong; its text may quote the token.
            logger.info("a token was refused: %s", type(error).__name__)
            return None

    def changed(self) -> bool:
        if self._path is not None and _stamp(self._path) != self._read_at:
            try:
                self._read()
            except TokenError as error:
                logger.warning("%s; the keys that were read before hold on", error)
                self._read_at = _stamp(self._path)
        news, self._news = self._news, False
        return news

    def renew(self, identity: Identity) -> Identity | None:
        """Good while it has not expired and the key that signed it is still in force."""
        _, key_id, _ = identity.credential.split(":", 2)
        if key_id and key_id not in self._public_ids:
            return None
        if identity.expires is not None and identity.expires <= self._now():
            return None
        return identity

    # --- one token --------------------------------------------------------------------------

    def _open(self, credential: str) -> tuple[dict[str, Any], str]:
        """The claims, and the id of the public key that signed them ("" for the secret)."""
        failure: Exception = ValueError("no key")
        if self._secret is not None:
            try:
                return jwt.decode(credential, self._secret, list(_SHARED)).claims, ""
            except (JoseError, ValueError) as error:
                failure = error
        for key in self._public.keys if self._public is not None else ():
            try:
                with warnings.catch_warnings():
                    # RFC 9864 renames EdDSA to Ed25519; login servers still write the old name.
                    warnings.simplefilter("ignore", SecurityWarning)
                    return jwt.decode(credential, key, list(_PUBLIC)).claims, key.thumbprint()
            except (JoseError, ValueError) as error:
                failure = error
        raise failure

    def _claims_registry(self) -> jwt.JWTClaimsRegistry:
        demanded: dict[str, Any] = {"exp": {"essential": True}}
        if self._settings.issuer:
            demanded["iss"] = {"essential": True, "value": self._settings.issuer}
        if self._settings.audience:
            demanded["aud"] = {"essential": True, "value": self._settings.audience}
        return jwt.JWTClaimsRegistry(
            now=int(self._now()), leeway=self._settings.leeway_s, **demanded
        )

    def _identity(self, credential: str, claims: dict[str, Any], key_id: str) -> Identity:
        """Raises ValueError: the claims make nobody."""
        user = claims.get(self._settings.user_claim)
        if not isinstance(user, str) or not 0 < len(user) <= MAX_NAME_LENGTH:
            raise ValueError("no user")
        if not user.isprintable():
            raise ValueError("no name")
        role = claims.get(self._settings.role_claim, self._settings.role)
        scopes = self._roles.get(role) if isinstance(role, str) else None
        if scopes is None:
            raise ValueError("no such role")
        narrowing = msgspec.convert(claims.get("stream", {}), Narrowing)
        mark = hashlib.sha256(credential.encode()).hexdigest()[:16]
        return Identity(
            user=user,
            credential=f"{_PREFIX}{key_id}:{mark}",
            name=f"{user} (token)",
            scopes=scopes.narrowed(narrowing),
            expires=float(claims["exp"]) + self._settings.leeway_s,
        )

    def _now(self) -> float:
        return self._clock.unix_ns() / 1e9

    # --- the JWKS file ------------------------------------------------------------------------

    def _read(self) -> None:
        """Raises TokenError: it is no set of public keys; what was read before stays."""
        assert self._path is not None  # noqa: S101 - for the type checker
        stamp = _stamp(self._path)
        try:
            keys = KeySet.import_key_set(msgspec.json.decode(self._path.read_bytes()))
        except (OSError, JoseError, ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
            raise TokenError(f"JWKS file {self._path}: {type(error).__name__}") from None
        if any(key.key_type == "oct" for key in keys.keys):
            raise TokenError(f"JWKS file {self._path}: holds a shared secret; use [jwt] secret")
        ids = frozenset(key.thumbprint() for key in keys.keys)
        self._news = self._news or ids != self._public_ids
        self._public, self._public_ids, self._read_at = keys, ids, stamp


def _shared_key(secret: str) -> OctKey | None:
    return OctKey.import_key(secret) if secret else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
