"""More than one machine: the bus in a NATS JetStream stream, and a stream as an adapter.

    machine A                                        NATS            machine B
    adapters --> bus --> bridge ----- ticks ------> stream ----> adapter (broker = "nats") --> bus
                    ^------ demand, with leases -- core NATS <------'

`service` is the bridge's process. `remote` is the source: a connection's life, with `reader`,
`arrivals` and `standing`, and `position` from one process's life to the next. Both rest on the pure
`subjects`, `stamps`, `outbox`, `inlet` and `demand`. `Group` is for programs of users' own.
docs/scaling.md says what to build with them.
"""

from bridge.group import Group, GroupTick
from bridge.link import Login

__all__ = ["Group", "GroupTick", "Login"]
