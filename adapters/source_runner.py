"""The process of an adapter that is a source: the frame around its driver.

demand --> Driver.demanded        Driver --> Outflow.publish, relay, tell, enter --> bus
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from adapters.connecting.link import State
from adapters.errors import AdapterError
from adapters.publishing import publisher_for
from adapters.source import Driver, Source
from bus.clock import Clock
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry, Stats
from bus.control.service import ExitError, Host, Steerable
from bus.errors import ControlError
from bus.events import BrokerState, Event, Rejected, encode_event
from bus.measuring.rate import Rate
from bus.secret import Secret
from bus.settings import AdapterBootstrap
from bus.wants import Demand

logger = logging.getLogger(__name__)


class SourceService:
    """One source on the bus (a `Service`), and what it lends its driver (`Outflow`)."""

    def __init__(self, host: Host, boot: AdapterBootstrap, source: Source) -> None:
        self._host = host
        self._source = source
        self._lane_mib = boot.lane_mib
        self._credentials: Mapping[str, Secret] = boot.adapter.credentials
        self._url = boot.adapter.url
        self._folder = Path(boot.state).parent if boot.state else None
        self._state = BrokerState(State.CONNECTING)
        self._rejected_total = 0
        self._ticks_total = 0
        self._last_tick_at: float | None = None
        self._rate = Rate(host.clock.monotonic())
        self._work: asyncio.Task[None] | None = None
        try:
            source.require(self._credentials)
            options = source.read(boot.adapter.options)
            self._lossless = source.is_lossless(options)
            self._driver: Driver = source.driver(self, options)
        except AdapterError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None

    # --- bus.control.service.Service ----------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Connected to where the ticks come from."""
        return self._state.state == State.CONNECTED

    async def start(self) -> str:
        try:
            await self._driver.start()
        except AdapterError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        self._publisher = publisher_for(
            self._host, self._lane_mib, self._driver_demanded, lossless=self._lossless
        )
        self._publish_state()
        self._work = asyncio.create_task(self._driver.run())
        self._work.add_done_callback(self._finished)
        return self._publisher.endpoint

    @property
    def lane(self) -> str:
        """Where consumers on the same machine find its shared memory; empty without one."""
        return self._publisher.lane

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self._driver.stop()
        self.enter(State.STOPPED)
        self._publisher.close()

    def stats(self) -> Stats:
        now = self._host.clock.monotonic()
        last = self._last_tick_at
        return {
            "broker_state": self._state.state,
            "broker_detail": self._state.detail,
            "may_overlap": self._source.may_overlap,
            "symbols": self._publisher.topics,
            "topics": self._publisher.topics,
            "topics_seen": self._publisher.topics_seen,
            "topics_waiting": 0,
            "ticks_total": self._ticks_total,
            "ticks_per_s": self._rate.sample(now, self._ticks_total),
            "last_tick_age_s": None if last is None else round(now - last, 3),
            "published_total": self._publisher.published_total,
            "rejected_total": self._rejected_total,
            **self._driver.stats(),
        }

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """An adapter follows nobody."""

    def renew(self, credentials: Mapping[str, Secret]) -> None:
        """Go on with new credentials (`bus.control.service.TakesCredentials`)."""
        if missing := self._source.missing(credentials):
            logger.warning("new credentials are not used: no %s", " and ".join(missing))
            return
        self._credentials = dict(credentials)
        self._driver.renew()

    def steer(self, action: str, value: str) -> None:
        """Do what somebody asks for (`bus.control.service.Steerable`), if the source can."""
        if not isinstance(self._driver, Steerable):
            raise ControlError(f"{self._source.title} cannot be steered")
        self._driver.steer(action, value)

    # --- Outflow --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._host.name

    @property
    def generation(self) -> int:
        return self._host.generation

    @property
    def clock(self) -> Clock:
        return self._host.clock

    @property
    def credentials(self) -> Mapping[str, Secret]:
        return self._credentials

    @property
    def url(self) -> str:
        return self._url

    @property
    def folder(self) -> Path | None:
        return self._folder

    def publish(self, topic: bytes, payload: bytes, received_ns: int, flags: int = 0) -> None:
        self._publisher.publish(topic, payload, received_ns, flags)
        self._ticked()

    def relay(
        self, topic: bytes, payload: bytes, received_ns: int, flags: int, sequence: int
    ) -> bool:
        sent = self._publisher.relay(topic, payload, received_ns, flags, sequence)
        if sent:
            self._ticked()
        return sent

    def tell(self, event: Event) -> None:
        self._rejected_total += isinstance(event, Rejected)
        self._publisher.publish_event(encode_event(event), self._host.clock.unix_ns())

    def enter(self, state: State, detail: str = "") -> None:
        told = BrokerState(state, detail)
        if told != self._state:
            self._state = told
            self._publish_state()
            self._host.changed()

    # --- inside ---------------------------------------------------------------------------

    def _driver_demanded(self, batch: list[Demand]) -> None:
        self._driver.demanded(batch)

    def _ticked(self) -> None:
        self._ticks_total += 1
        self._last_tick_at = self._host.clock.monotonic()

    def _publish_state(self) -> None:
        self._publisher.publish_state(encode_event(self._state), self._host.clock.unix_ns())

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a defect: the supervisor sees the process end, and starts another
            self._host.fail(error)
