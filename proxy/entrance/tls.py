"""TLS for the WebSocket server: one context whose certificate follows its files.

New handshakes get the new certificate; connections that are open keep the one they have.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TypeAlias

logger = logging.getLogger(__name__)

_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """The certificate or its key cannot be used; the text names the files."""


class Certificate:
    """A certificate chain and its key, in PEM files.

    Raises:
        TlsError: they cannot be read, or do not belong together.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate = certificate
        self._key = key
        self._loaded = self._stamp()
        self.context = self._load()
        self.reloads_total = 0

    def look(self) -> None:
        """Load the files again if they changed. Never raises: a bad pair changes nothing."""
        found = self._stamp()
        if found == self._loaded:
            return
        self._loaded = found
        try:
            self._load()  # elsewhere first: half a pair must not get into the live context
            self.context.load_cert_chain(self._certificate, self._key)
        except (TlsError, ssl.SSLError, OSError) as error:
            logger.warning("%s; the certificate that was loaded before stays", error)
            return
        self.reloads_total += 1
        logger.info("certificate %s loaded again", self._certificate)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A key with a passphrase must be an error, not a question on the terminal.
            context.load_cert_chain(self._certificate, self._key, password=lambda: "")
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise TlsError(
                f"TLS certificate {self._certificate} with key {self._key}: {reason}"
            ) from None
        return context

    def _stamp(self) -> _Stamp:
        stamps = []
        for path in (self._certificate, self._key):
            try:
                found = Path(path).stat()
            except OSError:
                stamps.append((0, 0, 0))
            else:
                stamps.append((found.st_mtime_ns, found.st_ino, found.st_size))
        return tuple(stamps)
