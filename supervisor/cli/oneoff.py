"""The configuration of a replay for once, in the user's own place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from supervisor.cli.recorded import moment_of
from supervisor.instance.paths import default_state


def prepare(recording: Path, options: dict[str, Any]) -> Path:
    """Write the configuration of a system that plays a recording; its file."""
    from recording.moments import in_india

    chosen = {"path": str(recording), "speed": options["times"], "loop": options["loop"]}
    if options["source"]:
        chosen["adapter"] = options["source"]
    for key, name in (("from_", "from"), ("to", "to")):
        if options[key] is not None:
            chosen[name] = in_india(moment_of(options[key], 0)).isoformat()
    lines = [
        '[paths]\nstate = "state"',
        f"[proxy]\nport = {options['port']}",
        '[adapters.replay]\nbroker = "replay"',
        # JSON's strings, numbers and booleans are TOML's.
        "[adapters.replay.options]",
        *(f"{key} = {json.dumps(value)}" for key, value in chosen.items()),
    ]
    folder = default_state(None).parent / "replay"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "replay.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
