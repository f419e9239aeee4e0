"""Who may be sent now: order, windows, rest, ceilings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery.ceilings import Ceiling, Standing, clamped
from faultwire.notifier.delivery.lanes import PROVEN_NS, Lanes
from faultwire.notifier.delivery.places import Flight, Sizes
from faultwire.notifier.settings import Settings

S = 1_000_000_000
MS = 1_000_000
GOOD, HUNG = "http://good:80/a", "http://hung:80/a"


def _delivery(
    number: int, url: str = GOOD, alarm: str | None = None, project: str = "p"
) -> Delivery:
    name = alarm if alarm is not None else f"alarm-{number}"
    return Delivery(DeliveryId(f"d{number:05}"), ProjectId(project), url, name, b"", number)


def _lanes(*deliveries: Delivery, **sizes: int) -> Lanes:
    lanes = Lanes(Sizes(**sizes))
    for delivery in deliveries:
        lanes.admit(delivery, 0)
    return lanes


def _take(lanes: Lanes, now: int = 0) -> list[Flight]:
    """Start everything that may start."""
    found = []
    while (flight := lanes.take(now)) is not None:
        flight.started_ns = now or 1
        found.append(flight)
    return found


def _ids(flights: list[Flight]) -> list[str]:
    return [flight.delivery.id for flight in flights]


def _fail(lanes: Lanes, flight: Flight, now: int, wait: int, *, pardonable: bool = True) -> None:
    lanes.again(flight, flight.delivery, now, wait, wait, pardonable=pardonable)


def test_an_alarms_deliveries_go_one_after_the_other() -> None:
    """The second delivery of an alarm starts when the first is over, whatever the window."""
    lanes = _lanes(*(_delivery(n, alarm="a") for n in range(3)))
    for number in range(3):
        (flight,) = _take(lanes)
        assert flight.delivery.id == f"d{number:05}"
        lanes.done(flight, 0, success=True)
    assert not _take(lanes)


def test_one_alarms_other_destination_does_not_wait() -> None:
    """An alarm with a hung and a good webhook reaches the good one."""
    lanes = _lanes(_delivery(1, HUNG, "a"), _delivery(2, GOOD, "a"))
    assert len(_take(lanes)) == 2


def test_the_window_opens_with_each_success_and_closes_with_a_failure() -> None:
    """One at once at first, twice as many with each success, one again after a failure."""
    lanes = _lanes(*(_delivery(n) for n in range(200)), window=8)
    sizes = []
    flights = _take(lanes)
    for _ in range(6):
        sizes.append(len(flights))
        lanes.done(flights.pop(), 0, success=True)
        flights += _take(lanes)
    assert sizes == [1, 2, 4, 8, 8, 8]
    _fail(lanes, flights.pop(), 0, S)
    for flight in flights:
        lanes.done(flight, 0, success=False)
    assert len(_take(lanes)) == 1


def test_a_destination_is_project_and_url() -> None:
    """Two projects with one URL have a window each."""
    lanes = _lanes(*(_delivery(n, project=f"p{n}") for n in range(5)))
    assert len(_take(lanes)) == 5


def test_a_failing_destination_rests_and_then_one_finds_out() -> None:
    """A thousand deliveries to a dead destination cost one try for each backoff."""
    lanes = _lanes(*(_delivery(n) for n in range(1000)))
    now = 0
    for expected in range(1, 6):
        (flight,) = _take(lanes, now)
        assert lanes.failures_after(flight) == expected
        _fail(lanes, flight, now, S)
        assert not _take(lanes, now + S - 1)
        assert lanes.next_due_ns() == now + S
        now += S
        assert lanes.due(now)


def test_all_that_waits_goes_out_when_a_destination_is_back() -> None:
    """After one success those that failed before do not wait for their own time."""
    lanes = _lanes(*(_delivery(n) for n in range(3)))
    now = 0
    for _ in range(2):
        (flight,) = _take(lanes, now)
        _fail(lanes, flight, now, 100 * S if flight.delivery.id == "d00000" else S)
        now += 100 * S
        lanes.due(now - 1)
        lanes.due(now)
    (flight,) = _take(lanes, now)
    lanes.done(flight, now, success=True)
    assert len(_take(lanes, now)) == 2


def test_a_poisonous_delivery_is_not_pardoned_for_ever() -> None:
    """A delivery that fails between successes of others soon waits for its own time."""
    lanes = _lanes(_delivery(0), window=1)
    now, tries = 0, 0
    for number in range(1, 50):
        lanes.admit(_delivery(number), now)
        for flight in _take(lanes, now):
            if flight.delivery.id == "d00000":
                tries += 1
                lanes.again(flight, flight.delivery, now, 1000 * S, S, pardonable=True)
            else:
                lanes.done(flight, now, success=True)
        now += S
        lanes.due(now)
    assert 1 < tries < 10


def test_an_answered_failure_waits_for_its_own_time() -> None:
    """What the consumer itself answered with an error is not tried early."""
    lanes = _lanes(_delivery(0), _delivery(1))
    (flight,) = _take(lanes)
    lanes.again(flight, flight.delivery, 0, 100 * S, S, pardonable=False)
    lanes.due(S)
    (flight,) = _take(lanes, S)
    assert flight.delivery.id == "d00001"
    lanes.done(flight, S, success=True)
    assert not _take(lanes, S)
    lanes.due(100 * S)
    assert _ids(_take(lanes, 100 * S)) == ["d00000"]


def test_failures_of_tries_that_ran_together_count_once() -> None:
    """Thirty-two failures of one moment are one failure of the destination."""
    lanes = _lanes(*(_delivery(n) for n in range(64)), window=4)
    flights = _take(lanes)
    for _ in range(2):
        lanes.done(flights.pop(), 0, success=True)
        flights += _take(lanes)
    assert len(flights) == 4
    for flight in flights:
        assert lanes.failures_after(flight) == 1
        _fail(lanes, flight, 5, S)


def test_the_oldest_delivery_goes_first() -> None:
    """So that what is too old to be sent is found out in time."""
    lanes = _lanes(_delivery(5), _delivery(3), _delivery(4))
    seen = []
    for _ in range(3):
        (flight,) = _take(lanes)
        seen.append(flight.delivery.id)
        lanes.drop(flight, 0)
    assert seen == ["d00003", "d00004", "d00005"]


def test_hung_destinations_hold_half_of_an_origin_and_of_all() -> None:
    """A hundred hung destinations leave half of every ceiling to those that are proven."""
    lanes = _lanes(_delivery(999), ceiling=16, origin_ceiling=8)
    (good,) = _take(lanes)
    lanes.done(good, 0, success=True)
    for number in range(100):
        lanes.admit(_delivery(number, f"http://hung:80/{number}"), 0)
    assert len(_take(lanes)) == 4
    for number in range(200, 300):
        lanes.admit(_delivery(number, f"http://other{number}:80/"), 0)
    assert len(_take(lanes)) == 4
    lanes.admit(_delivery(1000), 0)
    assert _ids(_take(lanes)) == ["d01000"]


def test_failing_destinations_leave_room_for_first_tries() -> None:
    """Known bad ones have a quarter: a first try never waits for them."""
    lanes = Lanes(Sizes(ceiling=16, origin_ceiling=16))
    for number in range(50):
        lanes.admit(_delivery(number, f"http://bad:80/{number}"), 0)
    while flights := _take(lanes):
        for flight in flights:
            _fail(lanes, flight, 0, S)
    lanes.due(S)
    assert len(_take(lanes, S)) == 4
    lanes.admit(_delivery(999), S)
    assert _ids(_take(lanes, S)) == ["d00999"]


def test_a_slow_first_try_gives_way_to_others_that_wait() -> None:
    """Under pressure a try older than slow is ended; a known bad one keeps its share of time."""
    lanes = Lanes(Sizes(ceiling=8, origin_ceiling=8, slow_ns=S, deadline_ns=5 * S))
    for number in range(6):
        lanes.admit(_delivery(number, f"http://hung:80/{number}"), 0)
    flights = _take(lanes)
    assert len(flights) == 4
    assert lanes.overdue(S - 1) == []
    told = lanes.overdue(S + 1)
    assert len(told) == 2
    assert all(flight.overdue for flight in told)
    assert lanes.overdue(S + 2) == []
    for flight in told:
        _fail(lanes, flight, S + 2, S)
    assert len(_take(lanes, S + 2)) == 2


def test_without_others_a_slow_try_has_its_whole_deadline() -> None:
    """Nobody waits: a consumer that takes four seconds is not cut."""
    lanes = Lanes(Sizes(ceiling=8, origin_ceiling=8, slow_ns=S, deadline_ns=5 * S))
    lanes.admit(_delivery(1), 0)
    (flight,) = _take(lanes)
    assert lanes.overdue(5 * S) == []
    assert lanes.overdue(5 * S + 1) == [flight]
    assert flight.overdue == "timeout"


def test_proven_destinations_that_turn_slow_give_their_places_back() -> None:
    """Slow ones never keep more than half, even if all of them were good a moment ago."""
    lanes = Lanes(Sizes(ceiling=8, origin_ceiling=8, slow_ns=S, window=8))
    for number in range(8):
        lanes.admit(_delivery(number, f"http://host:80/{number}"), 0)
    for _ in range(2):
        for flight in _take(lanes):
            lanes.done(flight, 0, success=True)
    for number in range(8):
        lanes.admit(_delivery(100 + number, f"http://host:80/{number}"), 0)
    flights = _take(lanes, 1)
    assert len(flights) == 8
    told = lanes.overdue(S + 1)
    assert len(told) == 4


def test_a_try_that_has_not_started_is_not_overdue() -> None:
    """Its time runs from when it really starts."""
    lanes = _lanes(_delivery(1))
    assert lanes.take(0) is not None
    assert lanes.overdue(100 * S) == []


def test_a_success_vouches_for_a_while() -> None:
    """After ten minutes a destination has to prove itself again."""
    lanes = _lanes(_delivery(1))
    (flight,) = _take(lanes)
    assert flight.standing is Standing.FRESH
    lanes.done(flight, 0, success=True)
    for now, standing in ((PROVEN_NS - 1, Standing.PROVEN), (3 * PROVEN_NS, Standing.FRESH)):
        lanes.admit(_delivery(now), now)
        (flight,) = _take(lanes, now)
        assert flight.standing is standing
        lanes.done(flight, now, success=True)


def test_what_is_known_of_idle_destinations_is_bounded() -> None:
    """Five thousand URLs used once leave no trace but the newest."""
    lanes = Lanes(Sizes())
    for number in range(5_000):
        lanes.admit(_delivery(number, f"http://host{number}:80/"), 0)
        (flight,) = _take(lanes)
        lanes.done(flight, 0, success=True)
    assert len(lanes._destinations) <= 4096
    assert len(lanes._origins) <= 4096


def test_ceilings_fit_the_process() -> None:
    """Half of the files that may be open are left to others."""
    assert clamped(Settings(), 100_000) == (1024, 512)
    assert clamped(Settings(), 1024) == (512, 256)
    assert clamped(Settings(ceiling=4, origin_ceiling=4), 1) == (4, 4)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_a_ceiling_of_any_size_lets_something_through(limit: int) -> None:
    """Even the smallest ceiling has a place for a first and for a repeated try."""
    for standing in Standing:
        ceiling = Ceiling(limit)
        assert ceiling.room(standing)
        ceiling.start(standing)
        ceiling.end(standing)
        assert (ceiling.total, ceiling.held, ceiling.suspect) == (0, 0, 0)


class _Model:
    """Drives lanes with chance and checks what must always hold."""

    def __init__(self) -> None:
        self.lanes = Lanes(Sizes(ceiling=8, origin_ceiling=6, window=4, slow_ns=S))
        self.flights: list[Flight] = []
        self.owed: dict[tuple[str, str], list[str]] = {}
        self.now = 1

    def admit(self, number: int, value: int) -> None:
        delivery = _delivery(number, f"http://h{value % 2}:80/{value % 5}", f"alarm{value % 7}")
        self.owed.setdefault((delivery.ordering, delivery.url), []).append(delivery.id)
        self.lanes.admit(delivery, self.now)

    def take(self, _: int, __: int) -> None:
        flight = self.lanes.take(self.now)
        if flight is None:
            return
        flight.started_ns = self.now
        self.flights.append(flight)
        chain = (flight.delivery.ordering, flight.delivery.url)
        assert self.owed[chain][0] == flight.delivery.id
        running = [(f.delivery.ordering, f.delivery.url) for f in self.flights]
        assert running.count(chain) == 1
        held = [f for f in self.flights if f.standing is not Standing.PROVEN]
        assert len(self.flights) <= 8
        assert len(held) <= 4
        assert sum(f.standing is Standing.SUSPECT for f in held) <= 2

    def finish(self, _: int, value: int) -> None:
        if not self.flights:
            return
        flight = self.flights.pop(value % len(self.flights))
        if value % 3 == 0:
            _fail(self.lanes, flight, self.now, S, pardonable=value % 2 == 0)
            return
        self.owed[flight.delivery.ordering, flight.delivery.url].pop(0)
        if value % 3 == 1:
            self.lanes.done(flight, self.now, success=value % 2 == 0)
        else:
            self.lanes.drop(flight, self.now)

    def wait(self, _: int, value: int) -> None:
        self.now += value * 100 * MS
        self.lanes.due(self.now)
        self.lanes.overdue(self.now)


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["admit", "admit", "take", "take", "finish", "wait"]),
            st.integers(0, 60),
        ),
        max_size=150,
    )
)
def test_order_and_ceilings_hold_for_any_history(steps: list[tuple[str, int]]) -> None:
    """Never two of a chain at once, never out of order, never over a ceiling, nothing stuck."""
    model = _Model()
    for number, (step, value) in enumerate(steps):
        getattr(model, step)(number, value)
    for _ in range(3000):
        if not any(model.owed.values()):
            break
        model.now += 10 * S
        model.lanes.due(model.now)
        model.take(0, 0)
        model.finish(0, 4)
    assert not any(model.owed.values())
    assert len(model.lanes) == 0
    assert not model.lanes.backlog()
