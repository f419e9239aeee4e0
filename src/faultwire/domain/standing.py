"""How the installation itself is: what an operator looks at first; pure.

Only what Faultwire answers for makes it unwell. Dead hosts, lost agents and webhooks that a
tenant's consumer refuses are shown beside it: a status that any tenant could spoil would be
looked at by nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faultwire.domain.guarding import NOT_HELD, Hold
from faultwire.domain.instants import rfc3339
from faultwire.domain.vantage import MonitorStatus

SLOW_DATABASE_MS = 1000.0
LATE_LOOP_MS = 250.0
CERTIFICATE_DAYS = 14
DAY_NS = 86_400_000_000_000
FULL_LANE = 1000
"""From here on callers wait for seconds behind others."""

WITHOUT_VOTES = frozenset({"isolated", "disbelieved", "blind"})
"""How a monitor stands that is there and of no use."""

_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the installation; `silent_ns` is how long ago it last gave a sign of life."""

    role: str
    name: str
    address: str
    started_ns: int
    silent_ns: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """The outbox as stored: how many deliveries wait, since when, and how many died lately.

    The two numbers stop counting at `COUNTED`.
    """

    pending: int
    oldest_ns: int | None
    dead_lately: int


COUNTED = 100_000
LATELY_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Database:
    """The database as a read finds it: how long it took, or why there was no answer."""

    kind: str
    answer_ns: int | None
    trouble: str = ""
    owed: Owed | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """The event loop in the last minute: how late its timers were; how many commands wait."""

    late_p99_ms: float
    late_worst_ms: float
    queue: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The line to the message broker: what is wrong with it, None where it was not needed yet."""

    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at the installation, from the process that was asked."""

    unhealthy: str | None
    processes: tuple[Process, ...]
    silence_ns: int
    database: Database
    loop: Loop
    monitors: tuple[MonitorStatus, ...] = ()
    certificate_ns: int | None = None
    """When the listener's certificate ends; None without one."""
    bus: Line | None = None
    """None where nothing is published by this process."""
    hold: Hold = NOT_HELD


def troubles(standing: Standing, now_ns: int) -> tuple[str, ...]:
    """Return what is not well at that wall time, the gravest first; empty when all is well."""
    ending = _ending(standing.certificate_ns, now_ns)
    return (*_troubles(standing), *_held(standing.hold), *ending)


def _held(hold: Hold) -> Iterator[str]:
    if hold.held:
        since = rfc3339(hold.since_ns)
        yield f"all acts are held since {since}: owners are told, nothing else is done"


def _ending(certificate_ns: int | None, now_ns: int) -> Iterator[str]:
    if certificate_ns is None:
        return
    days = (certificate_ns - now_ns) // DAY_NS
    if days < 0:
        yield "the certificate has ended: agents and clients refuse to connect"
    elif days < CERTIFICATE_DAYS:
        yield f"the certificate ends in {days} days"


def _without_votes(monitors: Iterable[MonitorStatus]) -> Iterator[str]:
    for monitor in monitors:
        if monitor.lost:
            yield f"monitor {monitor.name} is lost: its votes have expired"
        elif monitor.presence in WITHOUT_VOTES:
            why = "; ".join(monitor.reasons) or "it gives no reason"
            yield f"monitor {monitor.name} is {monitor.presence}, its votes do not count: {why}"


def _troubles(standing: Standing) -> Iterator[str]:
    if standing.unhealthy is not None:
        yield f"a defect, restart this process: {standing.unhealthy}"
    database, loop = standing.database, standing.loop
    if database.answer_ns is None:
        yield f"the database does not answer: {database.trouble}"
    elif database.answer_ns > SLOW_DATABASE_MS * _MS:
        yield f"the database takes {database.answer_ns // _MS} ms to answer"
    for process in standing.processes:
        if process.silent_ns >= standing.silence_ns:
            seconds = process.silent_ns / 1e9
            yield f"{process.role} {process.name} has given no sign of life for {seconds:.1f} s"
    yield from _without_votes(standing.monitors)
    if loop.suspended:
        yield "verdicts on silent agents are put off, because this process runs late"
    elif loop.late_p99_ms > LATE_LOOP_MS:
        yield f"this process runs late: {loop.late_p99_ms:.0f} ms (p99 of the last minute)"
    if loop.queue >= FULL_LANE:
        yield f"{loop.queue} changes wait"
    if standing.bus is not None and standing.bus.trouble:
        yield f"nothing is published, and kept meanwhile: {standing.bus.trouble}"
