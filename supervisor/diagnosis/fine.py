"""What a check says that found nothing wrong. Pure."""

from __future__ import annotations

from supervisor.diagnosis.facts import Facts


def said_when_fine(facts: Facts) -> dict[str, str]:
    """By check; empty where there was nothing to look at."""
    libraries = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    python = ".".join(map(str, facts.python))
    ports = ", ".join(f"{fact.key} {fact.port}" for fact in facts.ports)
    processes = len(facts.status.processes) if facts.status else 0
    tokens = f"{len(facts.credentials)} credentials, none of which says that it has expired"
    no_ports = "" if facts.config_problems else "none is fixed: the kernel chooses"
    openalgo = facts.openalgo
    return {
        "python": f"Python {python}, openalgo-stream {facts.version}, {libraries}",
        "config": f"nothing is wrong with {facts.config_file}",
        "supervisor": f"{processes} processes, none of them in trouble",
        "ports": f"free or ours: {ports}" if ports else no_ports,
        "permissions": "only their owner can read the state folder and its keys",
        "clock": "at India's time, and nobody moved it",
        "open files": f"{facts.open_files[1]} per process" if facts.open_files else "",
        "tokens": tokens if facts.credentials else "",
        "instruments": "loaded within a day and a half" if facts.masters else "",
        "disk": ", ".join(f"{disk.free / 1e9:.0f} GB at {disk.path}" for disk in facts.disks),
        "leftovers": "nothing is left of earlier runs",
        "openalgo": f"{openalgo.users} keys and {openalgo.logins} logins in {openalgo.database}"
        if openalgo
        else "",
    }
