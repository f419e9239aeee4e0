"""The store in memory: the same promises, without a database.

`MemoryLedger` passes the contract suite that the real store passes. It counts its commits and
can be told to fail, which a database cannot.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from faultwire.domain.accounts import AuditFilter, AuditRecord
from faultwire.domain.alarms import Alarm, Attempt, Delivery, DeliveryState
from faultwire.domain.changes import Change, HistoryAdded
from faultwire.domain.errors import FaultwireError, NotFound
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.guarding import NOT_HELD, Acted
from faultwire.domain.ids import (
    AlarmId,
    DeliveryId,
    FaultId,
    GuestId,
    HostName,
    ProjectId,
    SubscriptionId,
)
from faultwire.domain.queries import HistoryLine, Query
from faultwire.domain.remote_acts import RemoteKind, RemoteProgress
from faultwire.domain.samples import Sample, Statistics, Window
from faultwire.domain.shares import share_of
from faultwire.domain.subscriptions import Subscription
from faultwire.domain.tasks import Task
from faultwire.store.guard_rows import DAY_NS
from faultwire.store.load import Snapshot
from faultwire.testing import searching, store_changes
from faultwire.testing.store_changes import Found

T = TypeVar("T")


class MemoryLedger:
    """Implements `ports.Ledger`, `ports.FaultStore` and `ports.AlarmStore`, and `load`.

    One writer; readers on any thread see the state of the last commit. `commits` counts the
    commits that succeeded.
    """

    def __init__(self) -> None:
        self.commits = 0
        self._state = store_changes.State()
        self._failures: list[FaultwireError] = []
        self._written: Callable[[], None] | None = None

    def fail(self, error: FaultwireError, times: int = 1) -> None:
        """Let the next writes raise this error instead of writing."""
        self._failures.extend([error] * times)

    # ------------------------------------------------------------ ports.Ledger

    def commit(self, changes: Sequence[Change]) -> None:
        """Apply all or nothing; raises Conflict for a user's name that is taken."""
        state = self._begin()
        for change in changes:
            store_changes.apply(state, change)
        if self._written is not None:
            self._written()
        self._state = state
        self.commits += 1

    def when_written(self, call: Callable[[], None]) -> None:
        """Have a call made whenever a commit is written but not visible."""
        self._written = call

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """Record what came of deliveries that are owed still, as they were sent."""
        state = self._begin()
        for item in {item.delivery_id: item for item in attempts}.values():
            found = state.deliveries.get(item.delivery_id)
            if found is None or found[1] is not DeliveryState.PENDING:
                continue
            if found[0].created_ns == item.created_ns:
                delivery = replace(found[0], attempt=item.attempt, next_ns=item.next_ns)
                settled = delivery, item.state, item.outcome, item.status
                state.deliveries[item.delivery_id] = settled
        self._state = state

    def mark(self, rows: Sequence[tuple[FaultId, Mapping[str, object]]]) -> None:
        """Replace the stored checkpoints of faults."""
        state = self._begin()
        for fault, marks in rows:
            state.marks[fault] = orjson.loads(orjson.dumps(dict(marks)))
        self._state = state

    def seen(self, hosts: Sequence[tuple[HostName, int]]) -> None:
        """Record when hosts were last heard."""
        state = self._begin()
        state.last_seen.update((host, at) for host, at in hosts if host in state.hosts)
        self._state = state

    def guests_heard(self, guests: Sequence[tuple[GuestId, int]]) -> None:
        """Record when guests were last heard."""
        state = self._begin()
        state.guests_heard.update((one, at) for one, at in guests if one in state.guests)
        self._state = state

    def sample(self, samples: Sequence[Sample]) -> None:
        """Keep samples."""
        state = self._begin()
        for item in samples:
            state.samples[item.meter, item.project, item.resource, item.at_ns] = item
        self._state = state

    def statistics(self, windows: Sequence[Window]) -> list[tuple[Statistics, ...]]:
        """Return the periods of each window that have samples, as `ports.SampleStore` does."""
        return [tuple(_periods(self._state.samples.values(), window)) for window in windows]

    def _begin(self) -> store_changes.State:
        if self._failures:
            raise self._failures.pop(0)
        return self._state.copy()

    # ------------------------------------------------------------ ports.FaultStore

    def fault(self, fault: FaultId) -> Fault:
        """Return one fault; raises NotFound."""
        return _one(self._state.faults, fault)

    def faults(
        self,
        *,
        host: str | None,
        state: FaultState | None,
        since_ns: int | None,
        limit: int,
        marker: str | None,
    ) -> tuple[Fault, ...]:
        """Return faults opened at `since_ns` or later, newest first; raises NotFound."""
        found = [
            fault
            for fault in self._state.faults.values()
            if host in {None, fault.host}
            and state in {None, fault.state}
            and (since_ns is None or fault.opened_ns >= since_ns)
        ]
        return _page(found, attrgetter("opened_ns", "id"), marker, limit)

    def marks(self, fault: FaultId) -> Mapping[str, object]:
        """Return the stored checkpoints of a fault; empty if there are none."""
        return self._state.marks.get(fault, {})

    def marks_elsewhere(self, fault: FaultId) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Return nothing: there is no other process."""
        del fault
        return ()

    def remote(self, fault: FaultId) -> tuple[RemoteProgress, ...]:
        """Return how far what clouds are asked for a fault is, by kind."""
        found = []
        for kind in RemoteKind:
            acts = [
                act
                for act in self._state.remote_acts.values()
                if act.fault == fault and act.kind is kind
            ]
            refused = [act for act in acts if act.detail and act.state in {"owed", "failed"}]
            newest = max(refused, key=attrgetter("settled_ns"), default=None)
            if acts:
                counts = Counter(act.state.value for act in acts)
                error = newest.detail if newest else ""
                found.append(RemoteProgress(kind, error=error, **counts))
        return tuple(found)

    def audit(
        self, limit: int, wanted: AuditFilter | None = None, marker: str | None = None
    ) -> tuple[AuditRecord, ...]:
        """Return lines of the audit record, newest first; raises NotFound for the marker."""
        lines = list(reversed(self._state.audit))
        if marker is not None:
            places = [place for place, line in enumerate(lines) if line.id == marker]
            if not places:
                raise NotFound(f"marker {marker} is not in this list")
            lines = lines[places[0] + 1 :]
        found = [line for line in lines if wanted is None or wanted.wants(line)]
        return tuple(found[: max(limit, 0)])

    # ------------------------------------------------------------ ports.AlarmStore

    def alarm(self, alarm: AlarmId) -> Alarm:
        """Return one alarm; raises NotFound."""
        return _one(self._state.alarms, alarm)

    def alarms(
        self, *, project: ProjectId | None, limit: int | None, marker: str | None
    ) -> tuple[Alarm, ...]:
        """Return alarms, last changed by their owner first; raises NotFound."""
        found = [item for item in self._state.alarms.values() if project in {None, item.project}]
        return _page(found, attrgetter("updated_ns", "id"), marker, limit)

    def history(self, alarm: AlarmId, *, limit: int) -> tuple[HistoryAdded, ...]:
        """Return the history of an alarm, newest first, transitions included."""
        rows = self._state.history
        keys = sorted((key for key in rows if key[0] == alarm), reverse=True)
        return tuple(rows[key] for key in keys[: max(limit, 0)])

    def search_alarms(self, query: Query) -> tuple[Alarm, ...]:
        """Return the alarms that are asked for."""
        return searching.alarms(self._state, query)

    def search_history(self, query: Query) -> tuple[HistoryLine, ...]:
        """Return the lines of history that are asked for."""
        return searching.history(self._state, query)

    def deliveries(
        self,
        *,
        project: ProjectId | None,
        state: DeliveryState | None,
        limit: int,
        marker: str | None,
    ) -> tuple[Found, ...]:
        """Return deliveries, newest first, with state, last outcome and last HTTP status."""
        found = {
            item[0].id: item
            for item in self._state.deliveries.values()
            if project in {None, item[0].project} and state in {None, item[1]}
        }
        order = attrgetter("created_ns", "id")
        page = _page([item[0] for item in found.values()], order, marker, limit)
        return tuple(found[delivery.id] for delivery in page)

    def delivery(self, delivery: DeliveryId) -> tuple[Delivery, DeliveryState, str, int | None]:
        """Return one delivery with its fate; raises NotFound."""
        found = self._state.deliveries.get(delivery)
        if found is None:
            raise NotFound(f"no delivery {delivery}")
        return found

    def pending(
        self,
        *,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        limit: int,
        shares: frozenset[int] | None = None,
    ) -> tuple[Delivery, ...]:
        """Return owed deliveries, oldest first, after (created_ns, id), at most `limit`."""
        order = attrgetter("created_ns", "id")
        owed = [
            delivery
            for delivery, state, _, _ in self._state.deliveries.values()
            if state is DeliveryState.PENDING
            and project in {None, delivery.project}
            and (after is None or order(delivery) > after)
            and (shares is None or share_of(*delivery.destination) in shares)
        ]
        return tuple(sorted(owed, key=order)[: max(limit, 0)])

    # ------------------------------------------------------------ ports.SubscriptionStore

    def subscription(self, subscription: SubscriptionId) -> tuple[Subscription, int]:
        """Return one, with how many troubles its owner knows of now; raises NotFound."""
        return self._counted(_one(self._state.subscriptions, subscription))

    def subscriptions(
        self, *, project: ProjectId | None, limit: int, marker: str | None
    ) -> tuple[tuple[Subscription, int], ...]:
        """Return them newest first; raises NotFound for an unknown marker."""
        held = self._state.subscriptions.values()
        found = [item for item in held if project in {None, item.project}]
        page = _page(found, attrgetter("created_ns", "id"), marker, limit)
        return tuple(map(self._counted, page))

    def _counted(self, item: Subscription) -> tuple[Subscription, int]:
        watches = self._state.watches.values()
        mine = [one for one in watches if one.subscription == item.id]
        return item, sum(one.severity != "cleared" for one in mine)

    def task(self, task: str) -> Task:
        """Return one task; raises NotFound."""
        return _one(self._state.tasks, task)

    def tasks(self, limit: int, marker: str | None = None) -> tuple[Task, ...]:
        """Return tasks, newest first; raises NotFound for an unknown marker."""
        held = list(self._state.tasks.values())
        return tuple(_page(held, attrgetter("created_ns", "id"), marker, limit))

    # ------------------------------------------------------------ start

    def load(self, *, now_ns: int = 0) -> Snapshot:
        """Return what is stored, as `faultwire.store.load` does."""
        state = self._state
        faults = (fault for fault in state.faults.values() if fault.live)
        valid = (item for item in _ordered(state.revocations) if item.expires_ns > now_ns)
        return Snapshot(
            projects=tuple(_ordered(state.projects)),
            hosts=tuple(_ordered(state.hosts)),
            switches=tuple(_ordered(state.switches)),
            servers=tuple(_ordered(state.servers)),
            evacuations=tuple(_ordered(state.evacuations)),
            owed_statuses=tuple(
                sorted(state.owed_statuses.values(), key=attrgetter("at_ns", "id"))
            ),
            hold=state.hold.get("all", NOT_HELD),
            windows=tuple(_ordered(state.windows)),
            acts=_acts(state, now_ns),
            ports=tuple(_ordered(state.ports)),
            guests=tuple(_ordered(state.guests)),
            fencings=tuple(_ordered(state.fencings)),
            unmapped=tuple(_ordered(state.unmapped)),
            remote_acts=store_changes.remote_acts(state),
            held=tuple(sorted(state.held.values(), key=attrgetter("held_ns", "id"))),
            networks=tuple(_ordered(state.networks)),
            subnets=tuple(_ordered(state.subnets)),
            faults=tuple(sorted(faults, key=attrgetter("opened_ns", "id"))),
            causes=tuple(state.causes.values()),
            alarms=tuple(_ordered(state.alarms)),
            secrets=tuple(secret for kept in _ordered(state.secrets) for secret in kept),
            quotas=tuple(_ordered(state.quotas)),
            subscriptions=tuple(_ordered(state.subscriptions)),
            watches=tuple(_ordered(state.watches)),
            users=tuple(_ordered(state.users)),
            assignments=tuple(_ordered(state.assignments)),
            revocations=tuple(valid),
            credentials=tuple(_ordered(state.credentials)),
            last_seen=dict(state.last_seen),
            guests_heard=dict(state.guests_heard),
            tasks=tuple(task for task in _ordered(state.tasks) if task.live),
        )


# ---------------------------------------------------------------- reading


def _ordered(kind: Mapping[Any, T]) -> Iterator[T]:
    return (kind[key] for key in sorted(kind))


def _acts(state: store_changes.State, now_ns: int) -> tuple[Acted, ...]:
    """Return the acts of the last day, oldest first."""
    recent = (one for one in state.acts.values() if one.at_ns > now_ns - DAY_NS)
    return tuple(sorted(recent, key=attrgetter("at_ns", "id")))


def _one(kind: Mapping[str, T], key: str) -> T:
    try:
        return kind[key]
    except KeyError:
        raise NotFound(f"no such thing: {key}") from None


def _page(
    found: Sequence[T],
    order: Callable[[T], tuple[int, str]],
    marker: str | None,
    limit: int | None,
) -> tuple[T, ...]:
    newest_first = sorted(found, key=order, reverse=True)
    start = 0
    if marker is not None:
        places = [index for index, item in enumerate(newest_first) if order(item)[1] == marker]
        if not places:
            raise NotFound(f"marker {marker} is not in this list")
        start = places[0] + 1
    end = None if limit is None else start + max(limit, 0)
    return tuple(newest_first[start:end])


def _periods(samples: Iterable[Sample], window: Window) -> Iterator[Statistics]:
    periods: dict[int, list[float]] = {}
    for one in samples:
        wanted = (
            one.meter == window.meter
            and window.project in {"", one.project}
            and window.resource in {None, one.resource}
            and window.start_ns <= one.at_ns < window.end_ns
        )
        if wanted:
            number = (one.at_ns - window.start_ns) // window.period_ns
            periods.setdefault(number, []).append(one.value)
    for number, values in sorted(periods.items()):
        start_ns = window.start_ns + number * window.period_ns
        yield Statistics(start_ns, len(values), sum(values), min(values), max(values))
