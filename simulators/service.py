"""A simulator as a supervised process: `[simulators.NAME]` of the configuration."""

from __future__ import annotations

from bus.control.bootstrap import Bootstrap
from bus.control.exits import Exit
from bus.control.messages import PublisherEntry, Stats
from bus.control.service import ExitError, Host
from bus.settings import SimulatorSettings
from simulators.errors import SimulatorError
from simulators.server import SimulatorServer
from simulators.settings import HOST


class SimulatorService:
    """Implements `bus.control.service.Service`."""

    def __init__(self, _host: Host, boot: Bootstrap) -> None:
        self._settings = boot.settings_as(SimulatorSettings)
        self._server: SimulatorServer | None = None

    @property
    def ready(self) -> bool:
        return self._server is not None

    async def start(self) -> str:
        try:
            server = SimulatorServer(self._settings)
            port = await server.start()
        except SimulatorError as error:
            raise ExitError(Exit.CONFIGURATION, str(error)) from None
        self._server = server
        return f"ws://{HOST}:{port}"

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def stats(self) -> Stats:
        return dict(self._server.stats()) if self._server is not None else {}

    def follow(self, publishers: list[PublisherEntry]) -> None:
        """A broker knows nothing of those who read it."""
