"""What lanes let go of, and that nobody gives way for nothing."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.notifier.delivery.places import Flight
from tests.unit.notifier.test_lanes import GOOD, HUNG, MS, S, _delivery, _lanes, _take


def test_what_is_forgotten_is_gone_and_the_rest_goes_on() -> None:
    """Of two destinations one is let go: what waits is returned, what is under way ends."""
    lanes = _lanes(*(_delivery(n, url, alarm="a") for n, url in enumerate([GOOD, GOOD, HUNG])))
    flights = {flight.delivery.url: flight for flight in _take(lanes)}
    gone = lanes.forget(lambda destination: destination[1] == HUNG)
    assert [one.id for one in gone] == ["d00001"]
    lanes.done(flights[GOOD], 1, success=True)
    lanes.done(flights[HUNG], 1, success=True)
    assert _take(lanes, 2) == []
    lanes.admit(_delivery(7), 2)
    assert [flight.delivery.id for flight in _take(lanes, 2)] == ["d00007"]


def test_what_is_forgotten_in_flight_is_not_repeated_here() -> None:
    """A try that fails after its destination was let go is over; remembered, it is repeated."""
    for remembered in (False, True):
        lanes = _lanes(_delivery(1))
        (flight,) = _take(lanes, 1)
        assert lanes.forget(lambda _: False) == []
        if remembered:
            lanes.remember(lambda _: True)
        kept = lanes.again(flight, _delivery(1), 2, S, S, pardonable=False)
        assert kept is remembered
        lanes.due(9 * S)
        assert len(_take(lanes, 9 * S)) == int(remembered)


def test_what_is_forgotten_while_it_waits_for_its_time_stays_away() -> None:
    """A delivery that was due again later, of a destination that rests, does not come back."""
    lanes = _lanes(_delivery(1), _delivery(2))
    (flight,) = _take(lanes, 1)
    lanes.again(flight, _delivery(1), 1, S, S, pardonable=True)
    assert {one.id for one in lanes.forget(lambda _: False)} == {"d00001", "d00002"}
    lanes.due(9 * S)
    assert _take(lanes, 9 * S) == []
    assert not lanes.backlog()


@given(st.lists(st.sampled_from(["admit", "take", "end", "fail", "forget"]), max_size=60))
def test_forgetting_at_any_moment_keeps_the_books(steps: list[str]) -> None:
    """However it is mixed with tries, nothing is taken twice, and at the end nothing is left."""
    lanes, number, flights, now = _lanes(), 0, list[Flight](), 1
    seen: set[str] = set()
    for step in steps:
        now += S
        if step == "admit":
            number += 1
            lanes.admit(_delivery(number, (GOOD, HUNG)[number % 2], alarm=f"a{number % 3}"), now)
        elif step == "take":
            for flight in _take(lanes, now):
                assert flight.delivery.id not in seen
                flights.append(flight)
                seen.add(flight.delivery.id)
        elif step == "forget":
            lanes.forget(lambda destination: destination[1] == GOOD)
        elif flights:
            flight = flights.pop()
            if step == "end":
                lanes.done(flight, now, success=True)
            else:
                seen.discard(flight.delivery.id)
                lanes.again(flight, flight.delivery, now, S // 2, S // 2, pardonable=False)
                lanes.due(now)
    lanes.forget(lambda _: False)
    for flight in flights:
        lanes.done(flight, now, success=True)
    assert not len(lanes)
    assert lanes.take(now + 99 * S) is None
    lanes.due(now + 99 * S)
    assert lanes.take(now + 99 * S) is None


def test_slow_ones_need_not_give_way_while_many_end() -> None:
    """On a slow machine all tries are slow, but room comes soon: none is broken off for it."""
    for ended in (0, 20):
        lanes = _lanes(*(_delivery(n, f"http://h{n}/") for n in range(60)), ceiling=40)
        flights = _take(lanes, 1)
        lanes.overdue(2)
        for flight in flights[:ended]:
            lanes.drop(flight, 3)
        later = _take(lanes, 4)
        assert len(later) == ended
        overdue = lanes.overdue(500 * MS + 2)
        assert bool(overdue) is (not ended)


def test_tries_that_stall_are_counted() -> None:
    """Those that take long, and those to destinations that failed before; not those just begun."""
    lanes = _lanes(*(_delivery(n, f"http://h{n}/") for n in range(2)))
    flights = _take(lanes, 1)
    for number in (2, 3):
        lanes.admit(_delivery(number, f"http://h{number}/"), 50 * MS)
    later = _take(lanes, 50 * MS)
    assert lanes.stalled(100 * MS) == 0
    assert lanes.stalled(100 * MS + 1) == 2
    for flight in later:
        lanes.done(flight, 100 * MS, success=True)
    for flight in flights:
        lanes.again(flight, flight.delivery, 2, S, S, pardonable=False)
    assert lanes.stalled(S) == 0
    lanes.due(3 * S)
    assert len(_take(lanes, 3 * S)) == 2
    assert lanes.stalled(3 * S) == 2
