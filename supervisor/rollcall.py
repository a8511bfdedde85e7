"""Who is connected to the proxies: asked of each, put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bus.control.messages import Clients, ClientsReply, ProxyClients

#: Proxies answer from their event loops; one that does not within this is hung.
ANSWER_WAIT_S: Final = 2.0


class RollCall:
    """One question to all proxies."""

    def __init__(self, asked: Iterable[tuple[str, int]]) -> None:
        self._answers: dict[tuple[str, int], Clients | None] = dict.fromkeys(asked)

    @property
    def complete(self) -> bool:
        return None not in self._answers.values()

    def heard(self, message: Clients) -> None:
        key = message.name, message.generation
        if key in self._answers:
            self._answers[key] = message

    def reply(self) -> ClientsReply:
        """What is known by now; a proxy that did not answer has no total."""
        return ClientsReply(
            [
                ProxyClients(name, generation)
                if told is None
                else ProxyClients(name, generation, told.total, told.clients)
                for (name, generation), told in self._answers.items()
            ]
        )
