"""Adapters that speak no broker's WebSocket protocol: a recording, another machine's bus.

A `Broker` (adapters.broker) states a codec, and the runner connects, asks and decodes. A
`Source` states what makes a `Driver`, which brings finished ticks by whatever way. All else
is the same for both: the same process, publisher, demand and answers, states, figures in
`status`, restarts, configuration section, registry and entry points.

What a driver publishes is what clients get: payloads as `bus.market.ticks` says, and each in a
topic of this adapter's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from adapters.broker import ALL_MODES
from adapters.connecting.link import State
from adapters.errors import CredentialsError, OptionsError
from bus.clock import Clock
from bus.control.messages import Stats
from bus.events import Event
from bus.secret import Secret
from bus.topics import EXCHANGES, Mode
from bus.wants import Demand


class Outflow(Protocol):
    """What the frame lends a driver: the way to the bus, and what it was told at birth."""

    @property
    def name(self) -> str:
        """The adapter's."""
        ...

    @property
    def generation(self) -> int: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def credentials(self) -> Mapping[str, Secret]:
        """Read anew at each login: `token set` replaces them."""
        ...

    @property
    def url(self) -> str: ...

    @property
    def folder(self) -> Path | None:
        """Where things may be kept from one life to the next."""
        ...

    def publish(self, topic: bytes, payload: bytes, received_ns: int, flags: int = 0) -> None:
        """Send a tick; `topic` ends in NUL. Never blocks."""
        ...

    def relay(
        self, topic: bytes, payload: bytes, received_ns: int, flags: int, sequence: int
    ) -> bool:
        """Send a tick that has its sequence already.

        False, and nothing was sent: with `Source.lossless`, a consumer has no room for it.
        """
        ...

    def tell(self, event: Event) -> None:
        """Publish an event; each demand is answered with `Accepted` or `Rejected`."""
        ...

    def enter(self, state: State, detail: str = "") -> None:
        """How it stands with where the ticks come from; `CONNECTED` is the adapter's ready."""
        ...


class Driver(Protocol):
    """One life of a source. All is called in the event loop."""

    async def start(self) -> None:
        """Check and open; nothing can be published or told before `run`.

        Raises:
            AdapterError: the configuration is wrong; the process ends and is not restarted.
        """
        ...

    async def run(self) -> None:
        """Bring ticks, reconnecting for ever, until cancelled. What it raises is a defect."""
        ...

    async def stop(self) -> None: ...

    def demanded(self, batch: Sequence[Demand]) -> None:
        """Topics that somebody wants, or nobody does any more."""
        ...

    def renew(self) -> None:
        """There are new credentials."""
        ...

    def stats(self) -> Stats:
        """What `status` shows beside the frame's own figures."""
        ...


class Source(Struct, frozen=True, kw_only=True):
    """Everything about a source that does not change while a process lives."""

    name: str
    title: str
    #: Shape of `[adapters.NAME.options]`, with `forbid_unknown_fields`.
    options: type[Struct]
    #: Names in `[adapters.NAME.credentials]` that it cannot do without.
    credentials: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = EXCHANGES
    modes: tuple[Mode, ...] = ALL_MODES
    #: Whether it tells of orders.
    orders: bool = False
    #: Whether two generations may bring ticks at once, so that a restart is a hand-over.
    may_overlap: bool
    #: Whether `Outflow.relay` waits for the slowest consumer in place of losing its ticks;
    #: asked of the options where they decide.
    lossless: bool | Callable[[Any], bool] = False
    #: Makes the driver; the second argument is a struct of `options`.
    driver: Callable[[Outflow, Any], Driver]

    def is_lossless(self, options: Struct) -> bool:
        """Whether a driver with these options waits for its consumers."""
        return self.lossless(options) if callable(self.lossless) else self.lossless

    def missing(self, credentials: Mapping[str, Secret]) -> list[str]:
        """The credentials that are needed and not there, or empty."""
        return [name for name in self.credentials if not credentials.get(name)]

    def require(self, credentials: Mapping[str, Secret]) -> None:
        """Raises CredentialsError: names what is missing."""
        if missing := self.missing(credentials):
            raise CredentialsError(f"{self.title} needs {' and '.join(missing)}")

    def read(self, options: Mapping[str, Any]) -> Struct:
        """The options of a configuration, checked.

        Raises:
            OptionsError: an unknown key or a wrong value, in words.
        """
        try:
            return msgspec.convert(dict(options), self.options)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$.")
            where = f".{path.rstrip('`')}" if path else ""
            known = ", ".join(field.encode_name for field in msgspec.structs.fields(self.options))
            raise OptionsError(
                f"options{where}: {text[0].lower()}{text[1:]}; {self.name} knows: {known}"
            ) from None
