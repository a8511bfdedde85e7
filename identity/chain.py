"""Several authorities asked in turn, as one."""

from __future__ import annotations

from collections.abc import Mapping

from identity.authority import Answer, Authority, Identity, IdentityError, Slow


class Chain:
    """Authorities by the word before the colon in the credentials that they give out.

    One that fails does not shut out the others' users: its failure is told only to whom
    nobody else knows.
    """

    def __init__(self, authorities: Mapping[str, Authority]) -> None:
        self._authorities = dict(authorities)

    def verify(self, credential: str) -> Answer:
        slow: list[Slow] = []
        failure: IdentityError | None = None
        for authority in self._authorities.values():
            try:
                answer = authority.verify(credential)
            except IdentityError as error:
                failure = failure or error
                continue
            if isinstance(answer, Identity):
                return answer
            if answer is not None:
                slow.append(answer)
        if slow:
            return Slow(lambda: _first(slow, failure))
        if failure is not None:
            raise failure
        return None

    def changed(self) -> bool:
        return any([authority.changed() for authority in self._authorities.values()])  # noqa: C419 - ask all

    def renew(self, identity: Identity) -> Identity | None:
        authority = self._authorities.get(identity.credential.partition(":")[0])
        return None if authority is None else authority.renew(identity)


async def _first(slow: list[Slow], failure: IdentityError | None) -> Identity | None:
    for one in slow:
        try:
            identity = await one.run()
        except IdentityError as error:
            failure = failure or error
            continue
        if identity is not None:
            return identity
    if failure is not None:
        raise failure
    return None
