"""The table of instants and the cycle, as the seed has them."""

from itertools import pairwise

from faultwire_profiler import (
    BOUNDARIES,
    CHECKPOINTS,
    DOCTOR,
    FAULT_MANAGEMENT,
    LANES,
    OWNERS,
)

NAMES = (
    "hostdown",
    "raw failure",
    "found affected",
    "marked host down",
    "set VM error",
    "notified VM error",
    "transformed event",
    "evaluated event",
    "fired alarm",
    "received alarm",
    "handled alarm",
)


def test_the_instants_are_the_seeds() -> None:
    """S58-S68: eleven instants, numbered and named as in the seed's timeline."""
    assert tuple(point.name for point in CHECKPOINTS) == NAMES
    assert [(point.number, point.key) for point in CHECKPOINTS] == [
        (number, f"T{number:02}") for number in range(11)
    ]
    assert all(point.meaning.endswith(".") for point in CHECKPOINTS)


def test_each_span_has_its_owner() -> None:
    """S70, D5: monitor 0-1, inspector 1-4, controller 4-5, notifier 5-6, evaluator 6-8."""
    owners = ["", "monitor", *["inspector"] * 3, "controller", "notifier", *["evaluator"] * 2]
    assert [point.owner for point in CHECKPOINTS] == [*owners, "delivery", "consumer"]
    assert list(OWNERS) == list(dict.fromkeys([*owners[1:], "delivery", "consumer"]))


def test_every_instant_goes_back_to_the_first() -> None:
    """The causes make a tree that grows from T00, each cause with the smaller number."""
    keys = [point.key for point in CHECKPOINTS]
    assert [point.key for point in CHECKPOINTS if not point.after] == ["T00"]
    assert all(keys.index(point.after) < point.number for point in CHECKPOINTS[1:])


def test_the_cycle_has_five_lanes_between_six_boundaries() -> None:
    """S55: monitor, inspector, notifier, manager, controller, from occurred to resolved."""
    assert [lane.name for lane in LANES] == [
        "monitor",
        "inspector",
        "notifier",
        "manager",
        "controller",
    ]
    names = [boundary.name for boundary in BOUNDARIES]
    assert names == ["occurred", "detected", "identified", "notified", "processed", "resolved"]
    assert [(lane.begin, lane.end) for lane in LANES] == list(pairwise(names))


def test_the_spans_of_the_cycle_lie_on_its_boundaries() -> None:
    """S56, S57: doctor is detected..notified, fault management is the whole cycle."""
    assert (DOCTOR.begin, DOCTOR.end) == ("detected", "notified")
    assert (FAULT_MANAGEMENT.begin, FAULT_MANAGEMENT.end) == (LANES[0].begin, LANES[-1].end)
    marked = {boundary.name: boundary.checkpoint for boundary in BOUNDARIES}
    assert (marked["detected"], marked["notified"]) == ("T01", "T09")
