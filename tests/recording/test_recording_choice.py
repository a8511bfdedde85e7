"""Which publishers and which events are recorded."""

from recorded_frames import event, tick

from bus.control.messages import PublisherEntry
from bus.events import Accepted, BrokerState, EndOfStream, encode_event
from recording.choice import Choice


def test_adapters_are_chosen_and_processes_without_ticks_only_for_orders():
    adapter = PublisherEntry("zerodha", 1, "tcp://x")
    paper = PublisherEntry("marketdata", 1, "tcp://y", ticks=False)
    assert Choice().publisher(adapter)
    assert not Choice().publisher(paper)
    assert Choice(orders=True).publisher(paper)
    assert not Choice(["dhan"]).publisher(adapter)
    assert Choice(["zerodha"]).publisher(adapter)


def test_answers_to_demand_and_garbage_are_left_out():
    kept = [tick(0), event(encode_event(BrokerState("backoff", "x")))]
    kept.append(event(encode_event(EndOfStream())))
    left = [event(encode_event(Accepted("T"))), event(b"garbage")]
    assert Choice().of([*kept, *left]) == kept
