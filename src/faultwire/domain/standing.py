"""How the installation itself is: what an operator looks at first; pure.

Only what Faultwire answers for makes it unwell. Dead hosts, lost agents and webhooks that a
tenant's consumer refuses are shown beside it: a status that any tenant could spoil would be
looked at by nobody.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

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
class CloudLook:
    """How the map follows one cloud that is not ours; times are wall ns.

    `looked_ns` is when it was last read whole, None before the first time; `trouble` why it cannot
    be. `line` is what is wrong with the line to its notifications, None where there is none, empty
    while all is well; `heard_ns` is when one was last heard, None if none was since `since_ns`.
    `untold` counts changes by kind that none told of, `advice` says what the cloud does not tell
    of, each with the lines of its configuration that mend it.
    """

    name: str
    seconds: float
    looked_ns: int | None
    trouble: str
    line: str | None
    since_ns: int
    heard_ns: int | None
    untold: Mapping[str, int] = field(default_factory=dict)
    advice: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def polling(self) -> bool:
        """Whether changes are known at looks alone."""
        return bool(self.line) or self.heard_ns is None

    @property
    def words(self) -> str:
        """How it is followed, for people; nothing that another machine said is in it."""
        looked = "never read yet" if self.looked_ns is None else f"read {_at(self.looked_ns)}"
        if not self.polling:
            how = f"by notifications, the last one heard {_at(self.heard_ns or 0)}"
        else:
            since = self.since_ns if self.heard_ns is None else self.heard_ns
            how = f"by polling, no notification heard from {self.name} since {_at(since)}"
            if self.line is None:
                how += " (this server does not listen to its bus: it has no transport_url)"
            elif self.line:
                how += " (its bus cannot be heard)"
        silent = ", ".join(what for what, _ in self.advice)
        not_told = f"; it does not tell of {silent}, see faultwire doctor" if silent else ""
        wrong = "; it cannot be read now" if self.trouble else ""
        return f"{how}; {looked}, every {self.seconds:g} s{not_told}{wrong}"


def _at(wall_ns: int) -> str:
    return f"{rfc3339(wall_ns)[:19]}Z"


STALE_LOOKS = 3
STALE_NS = 60_000_000_000
"""A map that was not compared for so many periods and so long besides is not to be relied on."""


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
    clouds: tuple[CloudLook, ...] = ()


def troubles(standing: Standing, now_ns: int) -> tuple[str, ...]:
    """Return what is not well at that wall time, the gravest first; empty when all is well."""
    ending = _ending(standing.certificate_ns, now_ns)
    stale = _stale(standing.clouds, now_ns)
    return (*_troubles(standing), *_held(standing.hold), *stale, *ending)


def _stale(clouds: Iterable[CloudLook], now_ns: int) -> Iterator[str]:
    for cloud in clouds:
        looked_ns = cloud.since_ns if cloud.looked_ns is None else cloud.looked_ns
        if cloud.trouble and now_ns - looked_ns > STALE_LOOKS * cloud.seconds * 1e9 + STALE_NS:
            yield f"cloud {cloud.name} was not read since {_at(looked_ns)}: {cloud.trouble}"


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
