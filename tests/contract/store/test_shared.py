"""Several processes on one database: one order of commits, seen by all, under conditions."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine, select

from faultwire import store
from faultwire.app.neighbours import FOLLOWED
from faultwire.domain import changes as c
from faultwire.domain.alarms import AlarmState, DeliveryState, Transition
from faultwire.domain.errors import Behind, Broken, Conflict
from faultwire.domain.events import Event
from faultwire.domain.shares import ALL_SHARES, SHARES, Member, ShareKind, share_of
from faultwire.store import SharedLedger, StoredMembers, StoredShares, journal_codec, schema
from faultwire.store.outbox import Queued, StoredOutbox
from tests.contract.store import values as v
from tests.contract.store.conftest import Opened
from tests.databases.fixtures import SERVERS

ALARM = replace(v.ALARM, version=1)
EVENT = Event(
    "m-1",
    "compute.instance.update",
    v.PROJECT.id,
    v.T0,
    {"state": "error", "ports_down": 1, "ratio": 0.5, "größe": "ü"},
    v.HOST.name,
    v.FAULT.id,
)


@dataclass
class Process:
    """One process's ledger, and what it learnt of the others."""

    ledger: SharedLedger
    engine: Engine

    def news(self) -> tuple[c.Change, ...]:
        """Catch up."""
        return self.ledger.news()


@pytest.fixture(params=("sqlite", *SERVERS))
def processes(request: pytest.FixtureRequest, opener: Opened) -> Iterator[list[Process]]:
    """Give three processes on one empty database of each kind."""
    opened = opener(request.param)
    made = []
    for number in range(3):
        engine = opened()
        ledger = SharedLedger(engine, f"origin-{number}", lambda: v.T0)
        ledger.begin_at(ledger.place())
        made.append(Process(ledger, engine))
    yield made
    for process in made:
        process.ledger.close()
        process.engine.dispose()


def move(version: int, state: AlarmState = AlarmState.ALARM) -> c.AlarmsMoved:
    """Return a move of the alarm to a version."""
    return c.AlarmsMoved(
        (Transition(ALARM.id, ALARM.project, AlarmState.OK, state, "why", v.T0, version),)
    )


def version_of(process: Process) -> int:
    """Return the stored version of the alarm."""
    table = schema.alarms
    with process.engine.connect() as connection:
        wanted = select(table.c.version).where(table.c.id == ALARM.id)
        return int(connection.execute(wanted).scalar_one())


def test_what_one_commits_the_others_are_told_in_order(processes: list[Process]) -> None:
    """News hold every change that memory follows, once, and none of one's own."""
    first, second, third = processes
    first.ledger.commit([c.HostsSaved((v.HOST,)), c.Audited((v.AUDITED,))])
    assert first.news() == ()
    assert second.news() == (c.HostsSaved((v.HOST,)),)
    second.ledger.commit([c.ServersSaved((v.SERVER,))])
    first.news()
    first.ledger.commit([c.HostsRemoved((v.HOST.name,))])
    assert third.news() == (
        c.HostsSaved((v.HOST,)),
        c.ServersSaved((v.SERVER,)),
        c.HostsRemoved((v.HOST.name,)),
    )
    assert third.news() == ()


def test_who_decided_on_the_past_is_behind_and_changes_nothing(
    processes: list[Process],
) -> None:
    """A decision is taken on what all others committed before it, or not at all."""
    first, second, _ = processes
    first.ledger.commit([c.HostsSaved((v.HOST,))])
    with pytest.raises(Behind):
        second.ledger.commit([c.HostsSaved((v.BARE_HOST,))])
    assert store.load(first.engine).hosts == (v.HOST,)
    second.news()
    second.ledger.commit([c.HostsSaved((v.BARE_HOST,))])
    assert store.load(first.engine).hosts == (v.HOST, v.BARE_HOST)


def test_an_evaluator_must_have_seen_every_edit_of_alarms(processes: list[Process]) -> None:
    """An alarm that was created is effective for the very next event in every process."""
    server, evaluator, _ = processes
    server.ledger.commit([c.EventsOwed((EVENT,)), c.HostsSaved((v.HOST,))])
    (batch,) = evaluator.ledger.owed(sorted(ALL_SHARES), 10)
    server.ledger.commit([c.AlarmsSaved((ALARM,))])
    with pytest.raises(Behind):
        evaluator.ledger.commit([c.EventsTaken(((batch.seq, batch.share),))])
    assert evaluator.news()[-1] == c.AlarmsSaved((ALARM,))
    evaluator.ledger.commit([c.EventsTaken(((batch.seq, batch.share),)), move(2)])
    assert version_of(server) == 2


def test_what_evaluators_do_keeps_no_server_from_deciding(processes: list[Process]) -> None:
    """Moves of alarms and faults of hosts do not wait for each other."""
    server, evaluator, _ = processes
    server.ledger.commit([c.AlarmsSaved((ALARM,)), c.EventsOwed((EVENT,))])
    evaluator.news()
    (batch,) = evaluator.ledger.owed(sorted(ALL_SHARES), 10)
    evaluator.ledger.commit([c.EventsTaken(((batch.seq, batch.share),)), move(2)])
    server.ledger.commit([c.HostsSaved((v.HOST,))])
    assert server.news() == (move(2),)
    assert evaluator.news() == (c.HostsSaved((v.HOST,)),)


def test_an_edit_over_an_unseen_move_is_behind(processes: list[Process]) -> None:
    """A replacement of an alarm never undoes a move that came meanwhile."""
    server, evaluator, _ = processes
    server.ledger.commit([c.AlarmsSaved((ALARM,)), c.EventsOwed((EVENT,))])
    evaluator.news()
    (batch,) = evaluator.ledger.owed(sorted(ALL_SHARES), 10)
    evaluator.ledger.commit([c.EventsTaken(((batch.seq, batch.share),)), move(2)])
    edit = replace(ALARM, name="edited", version=2)
    with pytest.raises(Behind):
        server.ledger.commit([c.AlarmsSaved((edit,))])
    with pytest.raises(Behind):
        server.ledger.commit([move(2)])
    server.news()
    server.ledger.commit([c.AlarmsSaved((replace(edit, version=3),))])
    assert version_of(server) == 3


def test_what_a_subscriber_was_told_is_not_told_over(processes: list[Process]) -> None:
    """News of a resource that another process told meanwhile must be seen first."""
    server, evaluator, _ = processes
    server.ledger.commit([c.SubscriptionsSaved((v.SUBSCRIPTION,)), c.EventsOwed((EVENT,))])
    evaluator.news()
    server.ledger.commit([c.WatchesMoved((v.WATCH,))])
    evaluator.news()
    (batch,) = evaluator.ledger.owed(sorted(ALL_SHARES), 10)
    taken = c.EventsTaken(((batch.seq, batch.share),))
    with pytest.raises(Behind):
        evaluator.ledger.commit([taken, c.WatchesMoved((v.WATCH,))])
    over = replace(v.WATCH, version=2, severity="cleared")
    again = replace(v.WATCH, version=3)
    evaluator.ledger.commit([taken, c.WatchesMoved((over, again))])
    assert store.load_alarms(server.engine).watches == (again,)
    assert server.news() == (c.WatchesMoved((over, again)),)


def test_a_project_that_is_gone_is_known_to_evaluators(processes: list[Process]) -> None:
    """Its subscriptions went with it: an evaluator learns of that before it commits again."""
    server, evaluator, _ = processes
    server.ledger.commit(
        [
            c.SubscriptionsSaved((v.SUBSCRIPTION,)),
            c.WatchesMoved((v.WATCH,)),
            c.EventsOwed((EVENT,)),
        ]
    )
    evaluator.news()
    (batch,) = evaluator.ledger.owed(sorted(ALL_SHARES), 10)
    gone = c.ProjectsRemoved((v.PROJECT.id,))
    server.ledger.commit([gone])
    over = replace(v.WATCH, version=2, severity="cleared")
    taken = c.EventsTaken(((batch.seq, batch.share),))
    with pytest.raises(Behind):
        evaluator.ledger.commit([taken, c.WatchesMoved((over,))])
    assert evaluator.news() == (gone,)
    assert journal_codec.written([gone])[0][0] in FOLLOWED["evaluator"]
    evaluator.ledger.commit([taken])


def test_what_periodic_rules_move_keeps_nobody_from_deciding(processes: list[Process]) -> None:
    """A verdict stands on its alarm alone; what a user sets by hand is a decision."""
    server, evaluator, _ = processes
    server.ledger.commit([c.AlarmsSaved((ALARM,))])
    evaluator.news()
    server.ledger.commit([c.HostsSaved((v.HOST,))])
    evaluator.ledger.commit([move(2), c.DeliveriesQueued((v.DELIVERY,))])
    server.ledger.commit([c.HostsSaved((v.BARE_HOST,))])
    by_hand = replace(move(3).transitions[0], user="u-1")
    with pytest.raises(Behind):
        evaluator.ledger.commit([c.AlarmsMoved((by_hand,))])


def test_several_moves_of_one_alarm_are_one_step(processes: list[Process]) -> None:
    """Raised and cleared within one batch: the last state stands, and history has both."""
    server, *_ = processes
    server.ledger.commit([c.AlarmsSaved((ALARM,))])
    both = c.AlarmsMoved(move(2).transitions + move(3, AlarmState.OK).transitions)
    server.ledger.commit([both])
    assert version_of(server) == 3
    history = store.StoredAlarms(server.engine).history(ALARM.id, limit=10)
    assert [entry.kind for entry in history] == ["state transition"] * 2


def test_events_are_evaluated_once(processes: list[Process]) -> None:
    """Of two evaluators with the same events one commits, and the other leaves no trace."""
    server, one, other = processes
    server.ledger.commit([c.AlarmsSaved((ALARM,)), c.EventsOwed((EVENT, EVENT))])
    for evaluator in (one, other):
        evaluator.news()
    (batch,) = one.ledger.owed([share_of(EVENT.project)], 10)
    assert batch.events == (EVENT, EVENT)
    assert one.ledger.owed(sorted(ALL_SHARES - {batch.share}), 10) == ()
    taken = c.EventsTaken(((batch.seq, batch.share),))
    one.ledger.commit([taken, move(2), c.DeliveriesQueued((v.DELIVERY,))])
    with pytest.raises((Conflict, Behind)):
        other.ledger.commit([taken, move(2), c.DeliveriesQueued((v.LATER_DELIVERY,))])
    assert version_of(server) == 2
    owed = store.StoredAlarms(server.engine).pending(project=None, after=None, limit=10)
    assert [delivery.id for delivery in owed] == [v.DELIVERY.id]


def test_senders_find_what_was_queued_since(processes: list[Process]) -> None:
    """In the order of the commits, in pages, of their own shares, and only what is owed."""
    server, *_ = processes
    outbox = StoredOutbox(server.engine)
    deliveries = [
        replace(v.DELIVERY, id=f"d-{number}", created_ns=v.T0 - number) for number in range(5)
    ]
    for delivery in deliveries[:3]:
        server.ledger.commit([c.DeliveriesQueued((delivery,))])
    server.ledger.commit([c.DeliveriesQueued(tuple(deliveries[3:]))])
    seen, place = [], Queued()
    while True:
        place, page = outbox.after(place, ALL_SHARES, 2)
        seen += [delivery.id for delivery in page]
        if not page:
            break
    assert seen == ["d-0", "d-1", "d-2", "d-4", "d-3"]
    share = share_of(v.DELIVERY.project, v.DELIVERY.url)
    assert outbox.after(Queued(), ALL_SHARES - {share}, 9)[1] == ()
    server.ledger.settle(
        [replace(v.ARRIVED, delivery_id=one.id, created_ns=one.created_ns) for one in deliveries]
    )
    assert outbox.after(Queued(), {share}, 9)[1] == ()
    assert v.ARRIVED.state is DeliveryState.DELIVERED


def test_senders_find_what_is_owed_again(processes: list[Process]) -> None:
    """A delivery that was over comes after all that was queued before it."""
    server, *_ = processes
    outbox = StoredOutbox(server.engine)
    server.ledger.commit([c.DeliveriesQueued((v.DELIVERY,))])
    server.ledger.settle([v.ARRIVED])
    place, _ = outbox.after(Queued(), ALL_SHARES, 9)
    again = replace(v.DELIVERY, attempt=0)
    server.ledger.commit([c.DeliveriesReplayed((again,), DeliveryState.DELIVERED)])
    assert outbox.after(place, ALL_SHARES, 9)[1] == (again,)


def test_a_commit_whose_answer_was_lost_is_news(processes: list[Process]) -> None:
    """What this process committed without knowing it reaches its memory like all else."""
    first, second, _ = processes
    first.ledger.commit([c.HostsSaved((v.HOST,))])
    first.ledger._own.clear()
    assert first.news() == (c.HostsSaved((v.HOST,)),)
    assert second.news() == (c.HostsSaved((v.HOST,)),)


def test_who_was_away_too_long_is_told_to_start_anew(processes: list[Process]) -> None:
    """A journal that no longer reaches back is a defect of this process, not a gap in silence."""
    first, second, _ = processes
    for number in range(4):
        first.ledger.commit([c.HostsSaved((replace(v.HOST, revision=number),))])
    assert first.news() == ()
    assert first.ledger.prune(v.T0 + 1) == 0, "a clock that jumped must not tear the journal"
    assert first.ledger.prune(v.T0 + 1, keep=1, limit=2) == 2
    with pytest.raises(Broken, match="journal begins at 3"):
        second.news()
    assert first.news() == ()
    assert first.ledger.prune(v.T0 - 1, keep=0) == 0
    assert first.ledger.prune(v.T0 + 1, keep=1) == 1


def test_processes_that_commit_at_once_agree_in_the_end(processes: list[Process]) -> None:
    """Whatever the order is, it is one: every process holds what the database holds."""
    rounds, held = 15, [dict[str, int]() for _ in processes]

    def learn(number: int) -> None:
        for change in processes[number].news():
            assert isinstance(change, c.HostsSaved)
            held[number].update((host.name, host.revision) for host in change.hosts)

    def work(number: int) -> None:
        done = 0
        while done < rounds:
            revision = held[number].get(v.HOST.name, -1) + 1
            host = replace(v.HOST, revision=revision)
            try:
                processes[number].ledger.commit([c.HostsSaved((host,))])
            except Behind:
                learn(number)
                continue
            held[number][host.name] = revision
            done += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        learn(number)
    # Every one of the commits built on the one before: none was lost, none was done twice.
    assert held == [{v.HOST.name: 3 * rounds - 1}] * 3
    (stored,) = store.load(processes[0].engine).hosts
    assert stored.revision == 3 * rounds - 1


def test_members_come_beat_and_go(processes: list[Process]) -> None:
    """Every process sees every other, and how often it gave a sign of life."""
    members = StoredMembers(processes[0].engine)
    one = Member("m-1", "serve", "host:1", "127.0.0.1:1", v.T0)
    other = Member("m-2", "sender", "host:2", "127.0.0.1:2", v.T0)
    members.join(one)
    members.join(other)
    members.join(one)
    assert members.beat("m-2", 7) == (one, replace(other, beats=7))
    members.remove(["m-1"])
    assert members.beat("m-1", 3) == (replace(other, beats=7),)


def test_a_key_is_drawn_once(processes: list[Process]) -> None:
    """All processes of an installation sign with the key that the first of them drew."""
    keys = {StoredMembers(one.engine).key("pokes", f"{n}") for n, one in enumerate(processes)}
    assert keys == {"0"}


def test_a_share_has_one_owner(processes: list[Process]) -> None:
    """Of two that reach for a share one gets it; it must be given back or its owner be gone."""
    one, other = (StoredShares(process.engine, ShareKind.EVENTS) for process in processes[:2])
    rows = one.all()
    assert [row.number for row in rows] == list(range(SHARES))
    assert one.take("a", rows[:3]) == {0, 1, 2}
    assert other.take("b", rows[2:5]) == {3, 4}
    one.give("a", [0])
    one.give("b", [1])
    owners = {row.number: row.owner for row in other.all() if row.owner}
    assert owners == {1: "a", 2: "a", 3: "b", 4: "b"}
    outbox = StoredShares(processes[2].engine, ShareKind.OUTBOX)
    assert all(row.owner is None for row in outbox.all())


def test_where_agents_have_their_sessions(processes: list[Process]) -> None:
    """A session is at one process at a time, and every process knows at which."""
    first, second, _ = processes
    moved = c.SessionMoved(v.HOST.name, "m-1", "s-1")
    first.ledger.commit([moved])
    assert second.news() == (moved,)
    members = StoredMembers(first.engine)
    assert members.sessions() == ((v.HOST.name, "m-1", "s-1"),)
    first.ledger.commit([c.SessionMoved(v.HOST.name, "m-1", "")])
    assert members.sessions() == ((v.HOST.name, "m-1", ""),)
    first.ledger.commit([c.HostsRemoved((v.HOST.name,))])
    assert members.sessions() == ()
