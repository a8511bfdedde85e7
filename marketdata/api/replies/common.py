"""What every reply has, and what an error looks like."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Success(Struct, kw_only=True):
    status: Literal["success"] = "success"


class Paper(Success, kw_only=True):
    mode: Literal["analyze"] = "analyze"


class Failure(Struct, kw_only=True):
    """Every error; `rule` is the sandbox's rule that was broken."""

    status: Literal["error"] = "error"
    message: str
    rule: str | UnsetType = UNSET
    mode: Literal["analyze"] | UnsetType = UNSET
