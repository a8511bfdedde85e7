"""Two places under one name: who is active, who stands by, and who is told of whom."""

import os
from random import Random

import psutil
import pytest

from supervisor.fleet import Fleet
from supervisor.instance.adoption import Adoption, settle
from supervisor.instance.runfile import ProcessRecord
from supervisor.processes.lifecycle import State
from supervisor.processes.managed import Managed


class Handle:
    pid = 4711
    create_time = 1.0

    def usage(self):
        return 1.0, 1


def fleet_with_standby(tmp_path):
    process = Managed("zerodha", "adapter", dict, tmp_path / "log", Random(1))
    process.keeps_standby = True
    fleet = Fleet([process])
    for one in fleet.all:
        begin(one)
    return fleet


def begin(process):
    process.lifecycle.start(0.0)
    process.handle = Handle()
    process.endpoint = f"tcp://127.0.0.1:{process.lifecycle.generation}"
    process.lifecycle.hello(0.0)
    process.lifecycle.heartbeat(0.0, ready=True)


def dies(process):
    process.handle, process.endpoint = None, ""
    return process.lifecycle.exited(1.0, -9, "killed")


def test_the_standby_takes_the_place_of_an_active_one_that_died(tmp_path):
    fleet = fleet_with_standby(tmp_path)
    active, standby = fleet.all
    assert [e.standby for e in fleet.directory()] == [False, True]
    assert [r.standby for r in fleet.records()] == [False, True]
    assert not fleet.take_over("zerodha"), "nobody died"
    assert dies(active)
    assert fleet.take_over("zerodha")
    assert fleet.get("zerodha") is standby
    assert fleet.standby("zerodha") is active
    assert [(e.generation, e.standby) for e in fleet.directory()] == [(2, False)]
    assert active.lifecycle.generation == 3, "numbers are never used twice"
    assert fleet.find("zerodha", 3) is active
    [status] = fleet.status(2.0)
    assert (status.generation, status.restarts, status.takeovers) == (2, 1, 1)
    assert status.standby.state == State.STARTING


def test_a_standby_that_cannot_serve_takes_nothing_over(tmp_path):
    fleet = fleet_with_standby(tmp_path)
    active, standby = fleet.all
    dies(standby)
    assert not fleet.take_over("zerodha")
    dies(active)
    assert not fleet.take_over("zerodha"), "it has only begun"
    begin(standby)
    assert fleet.get("zerodha") is active


def test_what_leaves_the_configuration_leaves_with_its_standby(tmp_path):
    fleet = fleet_with_standby(tmp_path)
    assert len(fleet.all_of("zerodha")) == len(fleet.of("adapter")) == 2
    fleet.remove_standby("zerodha")
    assert len(fleet.all) == 1
    fleet.add_standby(fleet.get("zerodha"))
    fleet.remove("zerodha")
    assert fleet.all == []


def replaced(tmp_path):
    """A fleet whose one process is about to be replaced, as a new supervisor finds it."""
    fleet = Fleet([Managed("zerodha", "adapter", dict, tmp_path / "log", Random(1))])
    record = ProcessRecord(
        name="zerodha",
        pid=os.getpid(),
        create_time=psutil.Process().create_time(),
        generation=2,
        restarts=1,
        successor=True,
    )
    Adoption([record]).expect(fleet, [record])
    return fleet, fleet.get("zerodha"), fleet.place_of(record)


def test_both_sides_of_a_replacement_are_taken_on_and_it_goes_on(tmp_path):
    fleet, old, new = replaced(tmp_path)
    assert new is not None
    assert new is not old
    begin(old)
    begin(new)
    assert [record.successor for record in fleet.records()] == [False, True]
    assert settle(fleet) == [(old, new)]


@pytest.mark.parametrize("who", ["old", "new", "nobody"])
def test_of_a_replacement_of_which_one_is_left_that_one_counts(tmp_path, who):
    fleet, old, new = replaced(tmp_path)
    if who != "nobody":
        begin(old if who == "old" else new)
    assert settle(fleet) == []
    assert fleet.get("zerodha") is (new if who == "new" else old)
    assert fleet.successor("zerodha") is None
    assert not fleet.get("zerodha").lifecycle.superseded, "its end is answered by a restart"


def test_who_died_with_the_supervisor_begins_where_it_was_and_with_a_number_of_its_own(tmp_path):
    fleet = Fleet([Managed("sim", "simulator", dict, tmp_path / "log", Random(1))])
    gone = ProcessRecord(
        name="sim", pid=2**22, create_time=1.0, generation=7, restarts=0, endpoint="ws://h:1234"
    )
    Adoption([gone]).expect(fleet, [gone])
    process = fleet.get("sim")
    assert process.last_endpoint == "ws://h:1234"
    begin(process)
    assert process.lifecycle.generation == 8
    [record] = fleet.records()
    assert record.endpoint == "ws://h:1234"
