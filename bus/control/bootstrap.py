"""What a process is told at birth: one line of JSON on its standard input."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from bus.secret import Secret, decode_secret, encode_secret
from bus.settings import Role

S = TypeVar("S")


class Bootstrap(Struct, frozen=True, kw_only=True):
    """What a process is told at birth."""

    name: str
    role: Role
    generation: int
    control: str
    secret: Secret
    orphan_grace_s: float
    settings: msgspec.Raw
    #: A random word that names this life in log lines.
    life: str = ""

    def settings_as(self, kind: type[S]) -> S:
        return msgspec.json.decode(self.settings, type=kind, dec_hook=decode_secret)

    def line(self) -> bytes:
        """The line that the supervisor writes to the process's standard input."""
        return msgspec.json.encode(self, enc_hook=encode_secret) + b"\n"
