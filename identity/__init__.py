"""Who may use the runtime: identities and the API keys that prove them."""

from __future__ import annotations
