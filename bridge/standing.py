"""How it stands with an adapter of another site, as this site's consumers are told."""

from __future__ import annotations

import logging

from adapters.connecting.link import State
from adapters.source import Outflow
from bridge.options import NatsOptions
from bus.events import BrokerState

logger = logging.getLogger(__name__)


class Standing:
    """Well is what is connected here and, where it is live, over there."""

    def __init__(self, out: Outflow, options: NatsOptions) -> None:
        self._out = out
        self._options = options
        #: The adapter over there.
        self.origin = BrokerState("connecting")
        self._trouble = "connecting to NATS"

    def failed(self, state: State, detail: str) -> None:
        """The connection to NATS ended, or none came about."""
        if detail != self._trouble:
            logger.warning("%s", detail)
        self._trouble = detail
        self._out.enter(state, detail)

    def trouble(self, detail: str) -> None:
        """What is wrong between here and there; empty: nothing."""
        self._trouble = detail
        self._tell()

    def there(self, origin: BrokerState, trouble: str | None = None) -> None:
        """The adapter over there said how it stands, or the bridge said that there is none."""
        self.origin = origin
        if trouble is not None:
            self._trouble = trouble
        self._tell()

    def _tell(self) -> None:
        origin = self.origin
        if self._trouble:
            self._out.enter(State.BACKOFF, self._trouble)
        elif self._options.is_live and origin.state != State.CONNECTED:
            there = f"{self._options.adapter} over there: {origin.state}"
            self._out.enter(State.BACKOFF, f"{there}, {origin.detail}".removesuffix(", "))
        else:
            self._out.enter(State.CONNECTED, f"stream {self._options.stream}")
