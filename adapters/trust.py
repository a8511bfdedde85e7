"""Whom adapters trust on the internet: the system's authorities, read once per process.

They are more than a megabyte and a few hundredths of a second, for each `create_default_context`
that a library would call for every connection. Read before the template forks, they are read once
for all adapters. New ones on the disk are trusted by processes of the next supervisor.
"""

from __future__ import annotations

import functools
import ssl


@functools.cache
def trust() -> ssl.SSLContext:
    """The one context for connections to brokers."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
