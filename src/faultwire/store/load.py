"""Everything that memory holds, read once at start."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, or_, select

from faultwire.domain.accounts import Assignment, Credential, Revocation, User, WebhookSecret
from faultwire.domain.alarms import Alarm, Quota
from faultwire.domain.causes import Cause
from faultwire.domain.faults import CLOUD_REFUSED, LIVE_STATES, Fault
from faultwire.domain.fencing import Fencing
from faultwire.domain.guarding import NOT_HELD, Acted, Hold, Window
from faultwire.domain.ids import GuestId, HostName
from faultwire.domain.networks import Network, Subnet
from faultwire.domain.remote_acts import NO_FAULT, HeldEvents, RemoteAct, RemoteState
from faultwire.domain.resources import Evacuation, Guest, Host, Port, Project, Server, Switch
from faultwire.domain.services import OwedStatus
from faultwire.domain.signals import UnmappedAlert
from faultwire.domain.subscriptions import Subscription, Watch
from faultwire.domain.tasks import LIVE_TASKS, Task
from faultwire.store import (
    account_rows,
    alarm_rows,
    bulk,
    codec,
    guard_rows,
    inventory_rows,
    network_rows,
    remote_rows,
    schema,
    seen,
    signal_rows,
    task_rows,
)
from faultwire.store.engine import of_one_moment, translated

T = TypeVar("T")

AlarmsTo = Callable[[Sequence[Alarm]], None]
"""Takes alarms as they are read, some thousand at a time."""

ROWS_AT_ONCE = 2000
"""Rows that are in flight between driver and values: memory is spent on values alone."""


MOST_TOLD = 500
"""Faults of which a cloud refused something whose acts are known from the start."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stored state at one moment.

    Servers and alarms are in no order, other kinds in the order of their key; causes and faults
    are oldest first, secrets newest first within their project. `faults` are the live ones.
    `last_seen` has the wall ns of each host that was ever heard, `guests_heard` of each guest;
    `tasks` are those that are not over.
    """

    projects: tuple[Project, ...] = ()
    hosts: tuple[Host, ...] = ()
    switches: tuple[Switch, ...] = ()
    servers: tuple[Server, ...] = ()
    evacuations: tuple[Evacuation, ...] = ()
    owed_statuses: tuple[OwedStatus, ...] = ()
    hold: Hold = NOT_HELD
    windows: tuple[Window, ...] = ()
    acts: tuple[Acted, ...] = ()
    ports: tuple[Port, ...] = ()
    guests: tuple[Guest, ...] = ()
    fencings: tuple[Fencing, ...] = ()
    remote_acts: tuple[RemoteAct, ...] = ()
    held: tuple[HeldEvents, ...] = ()
    unmapped: tuple[UnmappedAlert, ...] = ()
    networks: tuple[Network, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    faults: tuple[Fault, ...] = ()
    causes: tuple[Cause, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    secrets: tuple[WebhookSecret, ...] = ()
    quotas: tuple[Quota, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    watches: tuple[Watch, ...] = ()
    users: tuple[User, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    credentials: tuple[Credential, ...] = ()
    last_seen: Mapping[HostName, int] = field(default_factory=dict)
    guests_heard: Mapping[GuestId, int] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()


def load(engine: Engine, *, now_ns: int = 0, alarms_to: AlarmsTo | None = None) -> Snapshot:
    """Return what is stored, all of one moment; revocations that ended by `now_ns` are left out.

    Alarms go to `alarms_to` where it is given; then the snapshot has none. Raises Unavailable.
    """
    reading = bulk.Reading()
    with translated(), of_one_moment(engine) as connection:
        read = partial(_read, connection.execution_options(stream_results=True))
        live = read(_live_faults(), codec.fault_of)
        return Snapshot(
            projects=read(_whole(schema.projects), inventory_rows.project_of),
            hosts=read(_whole(schema.hosts, "last_seen_ns"), inventory_rows.host_of),
            switches=read(_whole(schema.switches), inventory_rows.switch_of),
            servers=read(_large(schema.servers), reading.server),
            evacuations=read(_whole(schema.evacuations), inventory_rows.evacuation_of),
            owed_statuses=read(_owed_statuses(), inventory_rows.owed_status_of),
            hold=next(iter(read(_whole(schema.hold), guard_rows.hold_of)), NOT_HELD),
            windows=read(_whole(schema.windows), guard_rows.window_of),
            acts=read(guard_rows.recent_acts(now_ns), guard_rows.acted_of),
            ports=read(_whole(schema.ports), inventory_rows.port_of),
            guests=read(_whole(schema.guests, "last_heard_ns"), inventory_rows.guest_of),
            fencings=read(_whole(schema.fencings), signal_rows.fencing_of),
            remote_acts=(
                *read(_owed_acts(), remote_rows.act_of),
                *read(_refused_acts(live), remote_rows.act_of),
            ),
            held=read(_held(), remote_rows.held_of),
            unmapped=read(_whole(schema.unmapped_alerts), signal_rows.unmapped_of),
            networks=read(_whole(schema.networks), network_rows.network_of),
            subnets=read(_whole(schema.subnets), network_rows.subnet_of),
            faults=live,
            causes=read(_whole(schema.causes), alarm_rows.cause_of),
            alarms=_alarms(connection, reading, alarms_to),
            secrets=read(_whole(schema.webhook_secrets), account_rows.secret_of),
            quotas=read(_whole(schema.quotas), alarm_rows.quota_of),
            subscriptions=read(_whole(schema.subscriptions), alarm_rows.subscription_of),
            watches=read(_whole(schema.watches), alarm_rows.watch_of),
            users=read(_whole(schema.users), account_rows.user_of),
            assignments=read(_whole(schema.assignments), account_rows.assignment_of),
            revocations=read(_revocations(now_ns), account_rows.revocation_of),
            credentials=read(_whole(schema.credentials), account_rows.credential_of),
            last_seen=dict(read(seen.last_seen(), tuple)),
            guests_heard=dict(read(seen.last_heard(), tuple)),
            tasks=read(_live_tasks(), task_rows.task_of),
        )


def load_alarms(engine: Engine, *, alarms_to: AlarmsTo | None = None) -> Snapshot:
    """Return alarms and subscriptions alone: what an evaluator holds. Raises Unavailable.

    Alarms go to `alarms_to` where it is given; then the snapshot has none.
    """
    reading = bulk.Reading()
    with translated(), of_one_moment(engine) as connection:
        streaming = connection.execution_options(stream_results=True)
        return Snapshot(
            alarms=_alarms(connection, reading, alarms_to),
            subscriptions=_read(
                streaming, _whole(schema.subscriptions), alarm_rows.subscription_of
            ),
            watches=_read(streaming, _whole(schema.watches), alarm_rows.watch_of),
        )


def load_secrets(engine: Engine) -> Snapshot:
    """Return the signing secrets alone: what a sender holds. Raises Unavailable."""
    with translated(), of_one_moment(engine) as connection:
        secrets = _read(connection, _whole(schema.webhook_secrets), account_rows.secret_of)
        return Snapshot(secrets=secrets)


def _read(
    connection: Connection, statement: Select[Any], value: Callable[[Any], T]
) -> tuple[T, ...]:
    parts = connection.execute(statement).partitions(ROWS_AT_ONCE)
    return tuple(map(value, chain.from_iterable(parts)))


def _alarms(
    connection: Connection, reading: bulk.Reading, alarms_to: AlarmsTo | None
) -> tuple[Alarm, ...]:
    streaming = connection.execution_options(stream_results=True)
    statement = _large(schema.alarms)
    alarm_of: Callable[[Any], Alarm] = reading.alarm
    if alarms_to is None:
        return _read(streaming, statement, alarm_of)
    for part in streaming.execute(statement).partitions(ROWS_AT_ONCE):
        alarms_to([alarm_of(row) for row in part])
    return ()


def _whole(table: Table, *leave: str) -> Select[Any]:
    """Return a table in the order of its key, without columns that no value has."""
    columns = [column for column in table.columns if column.name not in leave]
    return select(*columns).order_by(*table.primary_key)


def _large(table: Table) -> Select[Any]:
    """Return a table as it lies there: to sort a million rows takes longer than to read them."""
    return select(*bulk.columns(table))


def _live_faults() -> Select[Any]:
    faults = schema.faults
    return (
        select(*(faults.c[name] for name in codec.FAULT_COLUMNS))
        .where(faults.c.state.in_([state.value for state in LIVE_STATES]))
        .order_by(faults.c.opened_ns, faults.c.id)
    )


def _live_tasks() -> Select[Any]:
    tasks = schema.tasks
    live = [state.value for state in LIVE_TASKS]
    return select(tasks).where(tasks.c.state.in_(live)).order_by(tasks.c.id)


def _owed_acts() -> Select[Any]:
    acts = schema.remote_acts
    owed = acts.c.state == RemoteState.OWED.value
    return select(acts).where(owed).order_by(acts.c.asked_ns, acts.c.id)


def _refused_acts(live: Iterable[Fault]) -> Select[Any]:
    """Select what clouds refused for good, as far as an open fault says so."""
    acts = schema.remote_acts
    told = [one.resource["fault"] for one in live if one.type.name == CLOUD_REFUSED]
    of_one = acts.c.fault_id.in_(told[:MOST_TOLD])
    whose = or_(of_one, acts.c.fault_id.is_(None)) if NO_FAULT in told else of_one
    refused = acts.c.state == RemoteState.FAILED.value
    return select(acts).where(refused, whose).order_by(acts.c.settled_ns, acts.c.id)


def _held() -> Select[Any]:
    held = schema.held_events
    return select(held).order_by(held.c.held_ns, held.c.id)


def _revocations(now_ns: int) -> Select[Any]:
    table = schema.revocations
    return select(*table.columns).where(table.c.expires_ns > now_ns).order_by(table.c.token_id)


def _owed_statuses() -> Select[Any]:
    owed = schema.owed_statuses
    return select(owed).order_by(owed.c.at_ns, owed.c.id)
