"""What an adapter's section of the configuration lacks, before any process is started."""

from __future__ import annotations

from adapters.demand.pools import why_no_standby
from adapters.errors import OptionsError
from adapters.registry import find_any
from adapters.source import Source
from bus.settings import AdapterSettings


def lacking(settings: AdapterSettings) -> list[str]:
    """Each begins with the key; empty if the adapter can begin. Its broker is known."""
    found = find_any(settings.broker)
    problems = [
        f'credentials.{key}: not set; {settings.broker} needs it: a value, "env:VAR" or "file:PATH"'
        for key in found.missing(settings.credentials)
    ]
    if settings.standby and (why := why_no_standby(found, settings)):
        problems.append(f"standby: {why}; remove it")
    if isinstance(found, Source):
        try:
            found.read(settings.options)
        except OptionsError as error:
            problems.append(str(error))
    elif settings.options:
        problems.append(f"options: {settings.broker} has none; remove them")
    return problems
