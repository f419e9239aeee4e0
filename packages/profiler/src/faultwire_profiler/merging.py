"""From sightings of many sources to one run per fault: by its id, its host, and the time.

Where several sources saw a checkpoint, the most exact one is believed and the others are
compared with it; what differs is a conflict, which is shown. Clocks are brought to one first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from faultwire_profiler.clocks import Clocks, clocks
from faultwire_profiler.evidence import Evidence, Kind, Sighting, in_fixed_order, shifted
from faultwire_profiler.marks import Mark
from faultwire_profiler.profile import Profile, profile
from faultwire_profiler.times import rfc3339

GAP_NS = 10_000_000_000
"""Sightings that are further apart are of two runs, unless their fault's id says otherwise."""

_BEGINS = ("T00", "T01")
_RECEIVED = "T09"
_DOUBTS_TOLD = 20
_NAMED = 3
_ANY = "*"
_SHORTEST_PART_NS = 1_000_000_000
_PARTS = 1000


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sources that differ on one checkpoint; `kept` was believed. `text` is a sentence."""

    point: str
    kept: str
    other: str
    ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """One fault's way, by all sources together.

    `fault` is its id, or a name made of host and time where no source knew one. `servers` is how
    many servers it concerned, None where nothing tells.
    """

    fault: str
    host: str
    servers: int | None
    profile: Profile
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The runs, the first to begin first; the clocks they were put on; what is in doubt."""

    runs: tuple[Run, ...]
    clocks: Clocks
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """Sightings that are of one fault, and the time they span."""

    fault: str
    sightings: list[Sighting]
    begin: int
    end: int

    def add(self, one: Sighting) -> None:
        self.sightings.append(one)
        self.begin = min(self.begin, one.mark.first.wall_ns)
        self.end = max(self.end, one.mark.last.wall_ns)

    @property
    def hosts(self) -> set[str]:
        return {_short(one.host) for one in self.sightings if one.host}

    @property
    def received(self) -> bool:
        return any(one.mark.point == _RECEIVED for one in self.sightings)


class _Windows:
    """Groups by host and time, as they are when this is made; what is added later counts not.

    Found by the part of the time in which they lie, so that many groups take no longer than few.
    """

    def __init__(self, groups: Sequence[_Group], gap_ns: int) -> None:
        self._gap = gap_ns
        begin = min((group.begin for group in groups), default=0)
        end = max((group.end for group in groups), default=0)
        self._part = max(gap_ns, _SHORTEST_PART_NS, (end - begin) // _PARTS)
        self._found: dict[tuple[str, int], list[tuple[_Group, int, int]]] = {}
        for group in groups:
            # Under "" all are found by who names no host, under _ANY those of unknown hosts.
            for host in ("", *(group.hosts or (_ANY,))):
                self._put(host, group)

    def _put(self, host: str, group: _Group) -> None:
        window = group, group.begin, group.end
        first, last = group.begin - self._gap, group.end + self._gap
        for part in range(first // self._part, last // self._part + 1):
            self._found.setdefault((host, part), []).append(window)

    def fitting(self, host: str, at: int) -> list[_Group]:
        """Return the groups of a host and time; those that lie around it, where any do."""
        part = at // self._part
        near = list(self._found.get((host, part), ()))
        if host:
            near += self._found.get((_ANY, part), ())
        within = [group for group, begin, end in near if begin <= at <= end]
        gap = self._gap
        return within or [group for group, begin, end in near if begin - gap <= at <= end + gap]


def merge(evidence: Evidence, gap_ns: int = GAP_NS) -> Merged:
    """Return one run per fault; the order in which things were added has no part in it."""
    found = in_fixed_order(evidence.sightings())
    known = clocks(evidence.exchanges, _reference(found))
    found = in_fixed_order(_on_one_clock(found, known))
    groups, doubts = _grouped(found, gap_ns)
    runs = sorted(
        (_run(group, evidence.servers.get(group.fault)) for group in groups),
        key=lambda run: (_start(run), run.fault),
    )
    told = (*evidence.told(), *_unsaid(found), *_unsteady(known), *doubts)
    return Merged(tuple(runs), known, told)


def sizes(runs: Iterable[Run]) -> list[tuple[int, float]]:
    """Return number of servers and total of the runs of which both are known."""
    return [
        (run.servers, run.profile.total_ms)
        for run in runs
        if run.servers is not None and run.profile.total_ms is not None
    ]


def _start(run: Run) -> int:
    return min((mark.first.wall_ns for mark in run.profile.marks), default=0)


def _reference(found: Sequence[Sighting]) -> str:
    """Return the machine on whose clock all is put: the detecting one, or the most talkative."""
    votes: dict[str, tuple[int, int]] = {}
    for one in found:
        detecting, all_of_them = votes.get(one.origin.clock, (0, 0))
        votes[one.origin.clock] = detecting + (one.mark.point == "T01"), all_of_them + 1
    return min(votes, key=lambda name: (*(-n for n in votes[name]), not name, name), default="")


def _on_one_clock(found: Sequence[Sighting], known: Clocks) -> Iterable[Sighting]:
    for one in found:
        clock = one.origin.clock
        if clock == known.reference or not clock:
            yield one
            continue
        offset = known.offset(clock)
        if offset is None:
            mark = shifted(one.mark, 0, f"the clock of {clock} is not known to be right")
        else:
            error = f"give or take {offset.error_ns / 1e6:,.3f} ms"
            moved = f"the clock of {clock} was {offset.ns / 1e6:+,.3f} ms off, {error}"
            mark = shifted(one.mark, -offset.ns, moved)
        yield Sighting(mark, one.origin, one.fault, one.host)


def _unsaid(found: Sequence[Sighting]) -> Iterable[str]:
    """Say that files were taken to be of one clock where they do not tell whose theirs is."""
    feeds = sorted({one.origin.feed for one in found if not one.origin.clock})
    clocks_told = {one.origin.clock for one in found} - {""}
    if len(feeds) > 1 or (feeds and clocks_told):
        names = ", ".join(feeds)
        yield f"whose clock was read is not known and was taken to be right: {names}"


def _unsteady(known: Clocks) -> Iterable[str]:
    for machine, offset in sorted(known.offsets.items()):
        if not offset.steady:
            yield f"the clock of {machine} was set or drifted: no single offset fits all exchanges"


def _grouped(found: Sequence[Sighting], gap_ns: int) -> tuple[list[_Group], list[str]]:
    named: dict[str, _Group] = {}
    for one in found:
        if one.fault:
            _into(named, one.fault, one)
    groups = list(named.values())
    doubts: list[str] = []
    loose = [one for one in found if not one.fault]
    # What names its host is placed first: what names nothing may then join it by its time.
    for with_host in (True, False):
        windows = _Windows(groups, gap_ns)
        spare = [
            one
            for one in loose
            if bool(one.host) is with_host and not _joins(one, windows, doubts)
        ]
        groups += _cut(spare, gap_ns)
    if len(doubts) > _DOUBTS_TOLD:
        more = len(doubts) - _DOUBTS_TOLD
        doubts[_DOUBTS_TOLD:] = [f"{more} more sightings are left out: of several faults"]
    return groups, doubts


def _into(groups: dict[str, _Group], key: str, one: Sighting) -> None:
    if key in groups:
        groups[key].add(one)
    else:
        groups[key] = _Group(key, [one], one.mark.first.wall_ns, one.mark.last.wall_ns)


def _joins(one: Sighting, windows: _Windows, doubts: list[str]) -> bool:
    """Put a sighting to the one group whose host and time fit; True where any did."""
    at = one.mark.last.wall_ns
    inside = windows.fitting(_short(one.host), at)
    if len(inside) == 1:
        inside[0].add(one)
    elif inside:
        named = sorted(group.fault for group in inside)[:_NAMED]
        more = [f"{len(inside) - _NAMED} more"] if len(inside) > _NAMED else []
        names = " or ".join((*named, *more))
        doubts.append(
            f"{one.mark.point} at {rfc3339(at)} in {one.origin.feed} is left out: of {names}"
        )
    return bool(inside)


def _cut(spare: Sequence[Sighting], gap_ns: int) -> list[_Group]:
    """Cut what belongs to no known fault into runs, host by host, at a pause or a new failure."""
    done: list[_Group] = []
    current: dict[str, _Group] = {}
    for one in spare:
        host = _short(one.host)
        group = current.get(host)
        if group is not None and _begins_anew(one, group, gap_ns):
            group = None
        if group is None:
            at = rfc3339(one.mark.first.wall_ns)
            first, last = one.mark.first.wall_ns, one.mark.last.wall_ns
            group = current[host] = _Group(f"{one.host or 'run'}@{at}", [], first, last)
            done.append(group)
        group.add(one)
    return done


def _begins_anew(one: Sighting, group: _Group, gap_ns: int) -> bool:
    if one.mark.first.wall_ns > group.end + gap_ns:
        return True
    return one.mark.point in _BEGINS and group.received


def _run(group: _Group, servers: int | None) -> Run:
    by_point: dict[str, dict[Kind, list[Sighting]]] = {}
    for one in group.sightings:
        by_point.setdefault(one.mark.point, {}).setdefault(one.origin.kind, []).append(one)
    marks: list[Mark] = []
    conflicts: list[Conflict] = []
    for point, kinds in sorted(by_point.items()):
        best, *others = sorted(kinds, key=lambda kind: (_bounded(kinds[kind]), kind))
        marks += _counted(kinds[best], best)
        for other in others:
            conflicts += _conflict(point, kinds[best], kinds[other])
    hosts = sorted({one.host for one in group.sightings if one.host})
    result = profile(marks)
    if servers is None:
        changed = result.point("T04") or result.point("T08")
        servers = changed.count if changed else None
    return Run(group.fault, ", ".join(hosts), servers, result, tuple(conflicts))


def _counted(sightings: Sequence[Sighting], kind: Kind) -> list[Mark]:
    """Return the marks of a checkpoint; one's upper bounds give way to another one that knows.

    Whoever tells both tells them of different passes. Trace points are told by one only.
    """
    knows = {_teller(one) for one in sightings if not one.mark.upper_bound}
    exact = [one.mark for one in sightings if _teller(one) in knows]
    bounds = [one.mark for one in sightings if _teller(one) not in knows]
    if kind is Kind.TRACE or not exact:
        return exact + bounds
    if sum(mark.count for mark in exact) >= sum(mark.count for mark in bounds):
        return exact
    return bounds + [
        replace(mark, count=0, restated=mark.count or mark.restated) for mark in exact
    ]


def _teller(sighting: Sighting) -> tuple[str, str]:
    return sighting.origin.feed, sighting.origin.clock


def _bounded(sightings: Sequence[Sighting]) -> bool:
    return all(one.mark.upper_bound for one in sightings)


def _conflict(point: str, kept: list[Sighting], other: list[Sighting]) -> list[Conflict]:
    """Compare the last instants; where both are no more exact than the difference, they agree."""
    ends = [max(one.mark.last.wall_ns for one in side) for side in (kept, other)]
    known_to = sum(max(one.origin.resolution_ns for one in side) for side in (kept, other))
    counts = [sum(one.mark.count for one in side) for side in (kept, other)]
    apart = ends[1] - ends[0]
    bound = _bounded(other) and apart >= 0
    if counts[0] == counts[1] and (abs(apart) <= known_to or bound):
        return []
    names = [", ".join(sorted({one.origin.feed for one in side})) for side in (kept, other)]
    said = f"{point}: {names[1]} says {apart / 1e6:+,.3f} ms, {counts[1]} times"
    text = f"{said}; {names[0]} is believed, {counts[0]} times"
    return [Conflict(point, names[0], names[1], apart / 1e6, text)]


def _short(host: str) -> str:
    """Return a host's short name; an address is its own."""
    first = host.lower().partition(".")[0]
    return host.lower() if first.isdigit() else first
