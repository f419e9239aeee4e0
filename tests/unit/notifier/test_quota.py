"""What is held in memory, and that parking never breaks the order of an alarm."""

from hypothesis import given, settings
from hypothesis import strategies as st

from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery.quota import Quota

P = ProjectId("p")


def _delivery(number: int, url: str = "a", project: ProjectId = P) -> Delivery:
    name = DeliveryId(f"{project}-{number:06}")
    return Delivery(name, project, url, "alarm", b"", number)


def _pass(quota: Quota, rows: list[Delivery], project: ProjectId = P) -> list[Delivery]:
    quota.begin(project)
    taken = [row for row in rows if row.project == project and quota.load(row)]
    quota.end(project, complete=True)
    return taken


def test_over_its_share_a_destination_is_parked_until_a_pass() -> None:
    """One destination holds half of the quota; what is over is taken when there is room."""
    quota = Quota(8)
    rows = [_delivery(number) for number in range(10)]
    assert [row for row in rows if quota.take(row)] == rows[:4]
    assert quota.parked() == (P,)
    assert quota.wanted() is None
    quota.release(rows[0])
    assert quota.wanted() is None
    quota.release(rows[1])
    assert quota.wanted() == P
    assert _pass(quota, rows[2:]) == rows[4:6]
    assert quota.wanted() is None


def test_another_destination_of_the_project_goes_on() -> None:
    """A destination that is parked takes no more than half from the others."""
    quota = Quota(8)
    for number in range(10):
        quota.take(_delivery(number))
    assert all(quota.take(_delivery(number, "b")) for number in range(100, 104))
    assert not quota.take(_delivery(200, "c"))


def test_other_projects_do_not_notice() -> None:
    """The quota is each project's own."""
    quota = Quota(4)
    for number in range(10):
        quota.take(_delivery(number))
    assert quota.take(_delivery(1, "a", ProjectId("q")))


def test_a_parked_destination_takes_nothing_new() -> None:
    """What comes later waits behind what is parked, although there is room again."""
    quota = Quota(4)
    rows = [_delivery(number) for number in range(5)]
    for row in rows[:3]:
        quota.take(row)
    quota.release(rows[0])
    quota.release(rows[1])
    assert not quota.take(rows[3])
    assert _pass(quota, rows[2:4]) == rows[2:4]
    assert quota.parked() == ()
    quota.release(rows[2])
    assert quota.take(rows[4])


def test_what_comes_during_a_pass_needs_another_one() -> None:
    """A delivery that is woken while a pass reads may be newer than what the pass saw."""
    quota = Quota(4)
    rows = [_delivery(number) for number in range(4)]
    for row in rows[:3]:
        quota.take(row)
    quota.release(rows[0])
    quota.release(rows[1])
    quota.begin(P)
    assert quota.load(rows[2])
    assert not quota.take(rows[3])
    quota.end(P, complete=True)
    assert quota.parked() == (P,)
    assert quota.wanted() == P


def test_what_was_settled_during_a_pass_is_not_taken_again() -> None:
    """A row that was read as owed and settled since is known."""
    quota = Quota(4)
    row = _delivery(1)
    quota.take(row)
    quota.begin(None)
    quota.release(row)
    assert not quota.load(row)
    quota.end(None, complete=True)
    assert len(quota) == 0


def test_a_delivery_is_held_once() -> None:
    """Waking again what is held changes nothing."""
    quota = Quota(4)
    assert quota.take(_delivery(1))
    assert not quota.take(_delivery(1))
    assert quota.parked() == ()


class _Model:
    """A store and a holder of deliveries beside the quota, which check what it lets pass."""

    def __init__(self, most: int) -> None:
        self.quota = Quota(most)
        self.store: dict[DeliveryId, Delivery] = {}
        self.held: list[Delivery] = []
        self._newest: dict[str, int] = {}

    def new(self, number: int, url: str) -> None:
        delivery = _delivery(number, url)
        self.store[delivery.id] = delivery
        if self.quota.take(delivery):
            self._hold(delivery)

    def finish(self, which: int) -> None:
        if self.held:
            delivery = self.held.pop(which % len(self.held))
            del self.store[delivery.id]
            self.quota.release(delivery)

    def look(self) -> None:
        if self.quota.wanted():
            for delivery in _pass(self.quota, list(self.store.values())):
                self._hold(delivery)

    def _hold(self, delivery: Delivery) -> None:
        assert self._newest.get(delivery.url, -1) < delivery.created_ns
        self._newest[delivery.url] = delivery.created_ns
        self.held.append(delivery)


@settings(max_examples=200)
@given(
    st.integers(2, 12),
    st.lists(
        st.tuples(st.sampled_from(["new", "new", "finish", "look"]), st.integers(0, 40)),
        max_size=120,
    ),
)
def test_order_and_quota_hold_for_any_history(most: int, steps: list[tuple[str, int]]) -> None:
    """Each destination's deliveries are held oldest first, none is lost, none is over quota."""
    model = _Model(most)
    for number, (step, value) in enumerate(steps):
        if step == "new":
            model.new(number, "abc"[value % 3])
        elif step == "finish":
            model.finish(value)
        else:
            model.look()
        assert len(model.quota) == len(model.held) <= most
    while model.store:
        model.look()
        assert model.held, "something is parked and nothing would bring it back"
        model.finish(0)
    model.look()
    assert model.quota.parked() == ()


def test_what_is_forgotten_may_be_taken_again() -> None:
    """Deliveries and parked destinations that are not ours leave room, and may come back."""
    quota = Quota(4)
    held = [_delivery(n) for n in range(5)]
    assert [quota.take(one) for one in held] == [True, True, False, False, False]
    quota.forget(held[:2], lambda _: False)
    assert (len(quota), quota.parked(), quota.wanted()) == (0, (), None)
    assert [quota.take(one) for one in held[:2]] == [True, True]


def test_what_is_over_is_not_taken_again() -> None:
    """A row that was read before it was settled, and comes after, is known."""
    quota = Quota(4)
    one = _delivery(1)
    assert quota.take(one)
    quota.release(one)
    assert not quota.take(one)
    assert not quota.load(one)
    assert len(quota) == 0
