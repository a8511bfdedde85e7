"""Every metric of a process: its name, kind, labels, meaning, and where in its status it is found.

docs/metrics.md is made of this table. Names follow Prometheus' conventions: base units, counters
end in `_total`. Labels have few values: processes, and reasons that are listed here; never a
symbol, a key or a client. Counters and histograms are taken from what all generations of a
process counted together, and so go on through restarts; gauges are of the generation that is
active now.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from bus.settings import Role
from console.metrics.reading import (
    Read,
    attribute,
    by_reason,
    cpu,
    is_word,
    latency,
    level,
    memory,
    standby_ready,
    states,
    total,
    totals_by,
)

PREFIX: Final = "openalgo_stream_"
#: Of every metric here; `role` is what kind of process it is.
LABELS: Final = ("process", "role")

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """One metric; `name` without the prefix, `roles` are the processes that have it (none: all)."""

    name: str
    kind: Kind
    help: str
    read: Read
    labels: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


_PROCESSES: Final = (
    Metric("process_state", "gauge", "1 for the state that it is in.", states, ("state",)),
    Metric("process_generation", "gauge", "The number of its present life.",
           attribute(lambda p: p.generation)),
    Metric("process_uptime_seconds", "gauge", "Since its present life began.",
           attribute(lambda p: p.uptime_s)),
    Metric("process_heartbeat_age_seconds", "gauge", "Since its event loop last turned for all "
           "that is known; a second is usual.", attribute(lambda p: p.heartbeat_age_s)),
    Metric("process_cpu_ratio", "gauge", "Of one core, since the status before. `place` is "
           "`active` or `standby`.", cpu, ("place",)),
    Metric("process_resident_memory_bytes", "gauge", "Resident memory.", memory, ("place",)),
    Metric("process_restarts_total", "counter", "Lives that followed another one, for whatever "
           "reason.", total("restarts_total", default=0)),
    Metric("handovers_total", "counter", "Restarts by hand-over that were carried out.",
           total("handovers_total", default=0)),
    Metric("handovers_failed_total", "counter", "Hand-overs that were given up; the old "
           "generation went on.", total("handovers_failed_total", default=0)),
    Metric("handover_gap_seconds", "histogram", "The longest time that any topic was silent over "
           "a hand-over, as the proxy saw it; the quiet of the market is in it.",
           latency("handover_gap")),
    Metric("takeovers_total", "counter", "How often a standby took over.",
           total("takeovers_total", default=0), roles=("adapter",)),
    Metric("standby_ready", "gauge", "1 while its standby could take over.",
           attribute(standby_ready), roles=("adapter",)),
)  # fmt: skip

_TICKS: Final = (
    Metric("ticks_total", "counter", "Ticks taken: by an adapter from its broker, by others from "
           "the bus.", total("ticks_total")),
    Metric("last_tick_age_seconds", "gauge", "Since the last tick.", level("last_tick_age_s")),
    Metric("lost_ticks_total", "counter", "Ticks that were published and did not arrive, from "
           "the holes in their sequences; of the recorder all that is not on its disk.",
           total("lost_total", "arrival_lost_total")),
    Metric("exchange_to_adapter_seconds", "histogram", "From the exchange's time in a tick until "
           "it arrived; as exact as that time, and as the clocks. One frame in sixteen.",
           latency("exchange"), roles=("adapter",)),
    Metric("adapter_to_bus_seconds", "histogram", "From a frame's arrival until its ticks were "
           "published.", latency("publish"), roles=("adapter",)),
    Metric("bus_to_consumer_seconds", "histogram", "From a tick's arrival at the adapter until "
           "this process read it. One tick in sixteen.", latency("arrival")),
    Metric("bus_to_client_seconds", "histogram", "From a tick's arrival at the adapter until "
           "this process had dealt with it; of the proxy: until it was written to all its clients.",
           latency("delivery")),
)  # fmt: skip

_A: Final[tuple[Role, ...]] = ("adapter",)
_ADAPTERS: Final = (
    Metric("broker_connected", "gauge", "1 while the adapter has its broker and its instruments.",
           is_word("broker_state", "connected"), roles=_A),
    Metric("broker_connections", "gauge", "Connections to the broker that stand.",
           level("connections"), roles=_A),
    Metric("token_needed", "gauge", "1 while it waits for new credentials.",
           attribute(lambda p: float("needs_token" in {p.state, p.stats.get("broker_state")})),
           roles=_A),
    Metric("broker_reconnects_total", "counter", "Connections that had to be made again.",
           total("reconnects_total"), roles=_A),
    Metric("broker_frames_total", "counter", "Frames from the broker.", total("frames_total"),
           roles=_A),
    Metric("broker_malformed_total", "counter", "Frames that were none that is known.",
           total("malformed_total"), roles=_A),
    Metric("broker_errors_total", "counter", "Errors that the broker told.",
           total("broker_errors_total"), roles=_A),
    Metric("published_total", "counter", "Ticks published, in every mode that is demanded; those "
           "of a standby and of both generations of a hand-over are in it.",
           total("published_total"), roles=_A),
    Metric("quarantined_total", "counter", "Ticks or parts of them that were held back.",
           by_reason("quarantined_"), ("reason",), _A),
    Metric("unknown_token_total", "counter", "Ticks of instruments that nobody asked for.",
           total("unknown_token_total"), roles=_A),
    Metric("demand_rejected_total", "counter", "Demands that could not be met.",
           total("rejected_total"), roles=_A),
    Metric("subscribed_instruments", "gauge", "Instruments asked of the broker.", level("symbols"),
           roles=_A),
    Metric("topics", "gauge", "Topics in demand: an instrument in one mode each.", level("topics"),
           roles=_A),
    Metric("topics_waiting", "gauge", "Demands without an answer yet.", level("topics_waiting"),
           roles=_A),
    Metric("broker_order_updates_total", "counter", "Order updates from the broker.",
           total("order_updates_total"), roles=_A),
    Metric("instruments", "gauge", "Instruments that the adapter knows.", level("instruments"),
           roles=_A),
    Metric("instruments_age_seconds", "gauge", "Age of what it knows of them.",
           level("instruments_age_s"), roles=_A),
    Metric("instruments_failures_total", "counter", "Attempts to renew them that failed.",
           total("instruments_failures_total"), roles=_A),
)  # fmt: skip

_P: Final[tuple[Role, ...]] = ("proxy",)
_PROXY: Final = (
    Metric("clients", "gauge", "Clients connected.", level("clients"), roles=_P),
    Metric("clients_unauthenticated", "gauge", "Connections that have not logged in yet.",
           level("unauthenticated"), roles=_P),
    Metric("subscriptions", "gauge", "Subscriptions of all clients.", level("subscriptions"),
           roles=_P),
    Metric("delivered_total", "counter", "Updates delivered to clients.",
           total("delivered_total"), roles=_P),
    Metric("delivered_bytes_total", "counter", "Bytes written to clients.", total("bytes_total"),
           roles=_P),
    Metric("client_queue_bytes", "gauge", "What waits for all clients together.",
           level("queue_bytes"), roles=_P),
    Metric("client_queue_max_bytes", "gauge", "What waits for the client for which most does.",
           level("queue_bytes_max"), roles=_P),
    Metric("clients_conflating", "gauge", "Clients that get the latest value in place of every "
           "tick.", level("conflating"), roles=_P),
    Metric("conflated_total", "counter", "Updates that a newer one took the place of before a "
           "client, or a consumer in the market-data service, could have them.",
           total("conflated_total"), roles=("proxy", "marketdata")),
    Metric("dropped_total", "counter", "Messages thrown away.", total("dropped_total"), roles=_P),
    Metric("clients_closed_total", "counter", "Clients that were closed, by why.",
           totals_by({"slow": "slow_closed_total", "flood": "flood_closed_total",
                    "unread": "unread_closed_total",
                    "unauthenticated": "unauthenticated_evicted_total"}), ("reason",), _P),
    Metric("connections_refused_total", "counter", "Connections that were refused, by why.",
           totals_by({"address": "connections_refused_total", "rate": "handshakes_refused_total",
                    "origin": "origin_refused_total", "host": "host_refused_total",
                    "key": "key_connections_refused_total"}), ("reason",), _P),
    Metric("auth_failures_total", "counter", "Logins that failed.", total("auth_failures_total"),
           roles=("proxy", "console")),
    Metric("client_malformed_total", "counter", "Messages of clients, and events of the bus, that "
           "were none that is known.", total("malformed_total"), roles=_P),
    Metric("snapshots_total", "counter", "Last values sent after a subscription.",
           total("snapshots_total"), roles=_P),
    Metric("order_updates_total", "counter", "Order updates sent to clients.",
           total("order_updates_total"), roles=_P),
    Metric("switch_gap_seconds", "gauge", "The longest gap of any topic over the last change of "
           "an adapter's generation.", level("last_gap_ms", 1e-3), roles=_P),
    Metric("failed_over", "gauge", "Streams that another adapter than the first choice feeds.",
           level("failed_over"), roles=_P),
    Metric("failovers_total", "counter", "Streams that went over to another adapter.",
           total("failovers_total"), roles=_P),
    Metric("failbacks_total", "counter", "Streams that came back.", total("failbacks_total"),
           roles=_P),
)  # fmt: skip

_B: Final[tuple[Role, ...]] = ("bridge",)
_BRIDGE: Final = (
    Metric("bridge_up", "gauge", "1 while NATS takes what is bridged.", level("nats_up"),
           roles=_B),
    Metric("bridged_total", "counter", "Messages that NATS has.", total("bridged_total"),
           roles=_B),
    Metric("bridge_lost_total", "counter", "Ticks that NATS does not have, by where they were "
           "lost.", totals_by({"bus": "bus_lost_total", "queue": "queue_lost_total",
                               "refused": "refused_total"}), ("reason",), _B),
    Metric("bridge_queue_bytes", "gauge", "What waits for NATS.", level("waiting_bytes"),
           roles=_B),
    Metric("bridge_sites", "gauge", "Other sites that want something.", level("sites"),
           roles=_B),
)  # fmt: skip

_O: Final[tuple[Role, ...]] = ("openalgo-bus",)
_OPENALGO: Final = (
    Metric("openalgo_bus_listening", "gauge", "1 while OpenAlgo's processes can reach it; 0 while "
           "another program has the address.", level("listening"), roles=_O),
    Metric("openalgo_bus_invalidations_total", "counter", "Changes of users that OpenAlgo told.",
           total("invalidations_total"), roles=_O),
    Metric("openalgo_bus_orders_total", "counter", "OpenAlgo's order updates that were told to "
           "our processes.", total("orders_relayed_total"), roles=_O),
    Metric("openalgo_bus_malformed_total", "counter", "Messages of OpenAlgo that were none that "
           "is known.", total("malformed_total"), roles=_O),
    Metric("openalgo_bus_unheard_total", "counter", "Events that were told to nobody: too many "
           "within the first second.", total("unheard_total"), roles=_O),
)  # fmt: skip

_M: Final[tuple[Role, ...]] = ("marketdata",)
_R: Final[tuple[Role, ...]] = ("recorder",)
_OTHERS: Final = (
    Metric("marketdata_instruments", "gauge", "Instruments with a last value.",
           level("instruments"), roles=_M),
    Metric("marketdata_held_back_total", "counter", "Values that were not believed, by why.",
           by_reason("held_"), ("reason",), _M),
    Metric("marketdata_queue_ticks", "gauge", "Ticks that wait for consumers inside the service.",
           level("queue_ticks"), roles=_M),
    Metric("marketdata_requests_refused_total", "counter", "Requests that were refused.",
           total("requests_refused_total"), roles=_M),
    Metric("order_events_unheard_total", "counter", "Events of paper orders that no client "
           "could be told.", total("order_events_unheard_total"), roles=_M),
    Metric("sandbox_open", "gauge", "1 while the paper account takes orders.",
           is_word("sandbox", "open"), roles=_M),
    Metric("sandbox_accounts", "gauge", "Paper accounts.", level("sandbox_accounts"), roles=_M),
    Metric("sandbox_live_orders", "gauge", "Paper orders that are neither filled nor over.",
           level("sandbox_live_orders"), roles=_M),
    Metric("sandbox_open_positions", "gauge", "Paper positions.", level("sandbox_open_positions"),
           roles=_M),
    Metric("sandbox_orders_total", "counter", "Paper orders ever placed; kept on disk.",
           level("sandbox_orders_total"), roles=_M),
    Metric("sandbox_trades_total", "counter", "Fills of them; kept on disk.",
           level("sandbox_trades_total"), roles=_M),
    Metric("sandbox_dropped_ticks_total", "counter", "Ticks that the paper account was too busy "
           "for.", total("sandbox_dropped_ticks_total"), roles=_M),
    Metric("recorded_total", "counter", "Frames recorded.", total("recorded_total"), roles=_R),
    Metric("recorder_lost_total", "counter", "Frames that are not in the recording, by where they "
           "were lost.", totals_by({"bus": "bus_lost_total", "queue": "queue_lost_total",
                                  "disk": "disk_lost_total"}), ("reason",), _R),
    Metric("recorder_queue_bytes", "gauge", "What waits for the disk.", level("queue_bytes"),
           roles=_R),
    Metric("recordings_bytes", "gauge", "Size of all recordings.", level("folder_bytes"),
           roles=_R),
    Metric("recordings_given_up_total", "counter", "Recordings deleted for room.",
           total("given_up_total"), roles=_R),
    Metric("tap_published_total", "counter", "Ticks published again.", total("published_total"),
           roles=("tap",)),
    Metric("console_sessions", "gauge", "Sessions of browsers.", level("sessions"),
           roles=("console",)),
    Metric("console_streams", "gauge", "Pages that are open.", level("streams"),
           roles=("console",)),
)  # fmt: skip

METRICS: Final = (*_PROCESSES, *_TICKS, *_ADAPTERS, *_PROXY, *_OPENALGO, *_OTHERS, *_BRIDGE)


class SystemMetric(NamedTuple):
    """A metric of the system as a whole, without a process; `collecting` has its value."""

    name: str
    kind: Literal["gauge", "counter", "info"]
    help: str


UP: Final = SystemMetric("supervisor_up", "gauge", "1 while the supervisor answers; without it "
                         "there are no other metrics, and ticks go on.")  # fmt: skip
UPTIME: Final = SystemMetric("supervisor_uptime_seconds", "gauge", "Since it began.")
REFUSED: Final = SystemMetric("control_refused_total", "counter", "Messages to the supervisor "
                              "without a valid seal, or that it does not know.")  # fmt: skip
BUILD: Final = SystemMetric("build_info", "info", "Always 1; `version` is the supervisor's.")
SYSTEM: Final = (UP, UPTIME, REFUSED, BUILD)
