"""Guards on acts: rows that may refuse one, and the facts that they look at."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from faultwire.domain.acts import ALLOWED, Act, ActKind, Verdict
from faultwire.domain.faults import AGENT_DOWN, HUNG, UNREACHABLE, Fault, FaultState, identity_of
from faultwire.domain.guarding import ON_HOSTS, Acted, Sign, Window, WindowKind
from faultwire.domain.ids import HostName
from faultwire.domain.instants import Instant, rfc3339
from faultwire.inspector.guard_settings import Settings
from faultwire.ports import View
from faultwire.resourcemap.acts import CLOUD, ActBook

PROBES = "icmp"
"""Source of the sign that a host's system answers, whatever runs on it."""

_NS = 1_000_000_000

Signs = Callable[[HostName], tuple[Sign, ...]]
"""Who hears a host now, as far as this process knows; in memory, cheap."""


def no_signs(host: HostName) -> tuple[Sign, ...]:
    """Hear nobody: where no monitor is wired."""
    del host
    return ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that guards look at for one act.

    `acts` were done and count, in any order: those of other processes, of this one, and of the
    command under way. `about` is the fault that the act follows from.
    """

    act: Act
    about: Fault | None
    book: ActBook
    view: View
    now: Instant
    settings: Settings
    signs: Signs
    pending: tuple[Acted, ...] = ()
    shadow: bool = False

    def recent(self, seconds: int, kinds: Collection[ActKind]) -> list[Acted]:
        """Return the acts of these kinds that are younger than so long, and count here."""
        kept = [*self.book.recent(self.now, seconds * _NS), *self.pending]
        return [one for one in kept if one.kind in kinds and (self.shadow or not one.shadow)]


@dataclass(frozen=True, slots=True)
class ActGuard:
    """One row: which kinds of acts it judges, and whether it binds an operator's own wish.

    `veto` returns the reason, or the empty text to let an act pass.
    """

    name: str
    kinds: frozenset[ActKind]
    binds: Callable[[Act], bool]
    veto: Callable[[Facts], str]


def _all_wishes(act: Act) -> bool:
    del act
    return True


def _no_wish(act: Act) -> bool:
    return not act.asked_by


def _no_fencing_wish(act: Act) -> bool:
    """An operator may switch off what lives; to start its servers elsewhere meanwhile he may not.

    Two copies of a server on one disk are worse than one that is missing.
    """
    return not act.asked_by or act.kind is ActKind.EVACUATE


def _held(facts: Facts) -> str:
    hold = facts.book.hold
    if not hold.held:
        return ""
    why = f": {hold.reason}" if hold.reason else ""
    return f"{hold.by or 'somebody'} holds all acts since {rfc3339(hold.since_ns)}{why}"


def _in_maintenance(facts: Facts) -> str:
    host = facts.view.host(facts.act.host)
    if host is not None and host.maintenance:
        return f"host {host.name} is in maintenance mode"
    return _in_window(facts, WindowKind.MAINTENANCE)


def _silenced(facts: Facts) -> str:
    return _in_window(facts, WindowKind.SILENCE)


def planned(facts: Facts) -> bool:
    """Whether a maintenance or a silence is on for what the act is about."""
    return bool(_in_maintenance(facts) or _silenced(facts))


def _in_window(facts: Facts, kind: WindowKind) -> str:
    for window in facts.book.open_windows(facts.now.wall_ns):
        if window.kind is kind and _matches(window, facts):
            why = f": {window.reason}" if window.reason else ""
            until = rfc3339(window.to_ns)
            return f"{kind.value} {window.id} ({window.words}) until {until}{why}"
    return ""


def _matches(window: Window, facts: Facts) -> bool:
    domains = facts.book.domains(facts.act.host)
    fault = facts.about
    said = {"host": {str(facts.act.host)}, "type": {fault.type.name} if fault else set()}
    if fault is not None and "switch" in fault.resource:
        said["switch"] = {fault.resource["switch"]}
    for key, wanted in window.matches.items():
        if wanted not in said.get(key, ()) and f"{key} {wanted}" not in domains:
            return False
    return bool(window.matches)


def _heard(facts: Facts) -> str:
    if not facts.settings.vantage:
        return ""
    host = facts.act.host
    found = [f"{one.source}: {one.words}" for one in counted(facts.signs(host), facts.about)]
    fault = facts.view.open_fault(identity_of(UNREACHABLE, {"hostname": host}))
    if fault is not None and fault.state is FaultState.OPEN:
        found.append(f"fault {fault.id} says that it is unreachable from here and answers others")
    return f"host {host} is heard by another vantage: {'; '.join(found)}" if found else ""


def counted(signs: Iterable[Sign], about: Fault | None) -> tuple[Sign, ...]:
    """Return the signs that speak against a fault.

    That its system answers is what a hung host is known by: who has such hosts forced down
    (hung_forces_down, agent_down_forces_down) has decided on that.
    """
    if about is not None and about.type.name in {HUNG, AGENT_DOWN}:
        return tuple(one for one in signs if one.source != PROBES)
    return tuple(signs)


def _flaps(facts: Facts) -> str:
    settings, act = facts.settings, facts.act
    if not settings.flap_acts:
        return ""
    before = {
        one.fault
        for one in facts.recent(settings.flap_seconds, _TAKEN_DOWN)
        if one.host == act.host and one.fault not in {None, act.fault} and not one.asked_by
    }
    if len(before) < settings.flap_acts:
        return ""
    return (
        f"host {act.host} flaps: acted on for {len(before)} faults in"
        f" {settings.flap_seconds} s (limit {settings.flap_acts})"
    )


def _storms(facts: Facts) -> str:
    settings = facts.settings
    if not settings.storm_hosts:
        return ""
    hosts = _hosts(facts)
    if len(hosts) <= settings.storm_hosts:
        return ""
    return (
        f"{len(hosts)} hosts in {settings.window_seconds} s, this one included"
        f" (limit {settings.storm_hosts})"
    )


def _over_limit(facts: Facts) -> str:
    settings, book = facts.settings, facts.book
    hosts = _hosts(facts)
    if len(hosts) <= settings.limit_hosts:
        return ""
    for domain in book.domains(facts.act.host):
        if domain.partition(" ")[0] not in settings.domains:
            continue
        there = sum(domain in book.domains(one) for one in hosts)
        size = book.size(domain)
        if there > settings.limit_hosts and there > settings.limit_fraction * size:
            named = "the cloud" if domain == CLOUD else domain
            return (
                f"{there} of {size} hosts of {named} in {settings.window_seconds} s, this one"
                f" included (limit {settings.limit_hosts} and"
                f" {settings.limit_fraction * 100:g} %)"
            )
    return ""


def _hosts(facts: Facts) -> set[HostName]:
    """Return the hosts that would have been acted on, the one in question included."""
    kinds: Collection[ActKind] = ON_HOSTS if facts.act.kind in ON_HOSTS else (facts.act.kind,)
    hosts = {one.host for one in facts.recent(facts.settings.window_seconds, kinds)}
    hosts.add(facts.act.host)
    hosts.discard(HostName(""))
    return hosts


_EVERY = frozenset(ActKind)
_TAKEN_DOWN = frozenset({ActKind.FORCE_DOWN, ActKind.FENCE})

ACT_GUARDS: tuple[ActGuard, ...] = (
    ActGuard("hold", _EVERY, _all_wishes, _held),
    ActGuard("maintenance", ON_HOSTS, _no_wish, _in_maintenance),
    ActGuard("silence", ON_HOSTS, _no_wish, _silenced),
    ActGuard("vantage", ON_HOSTS, _no_fencing_wish, _heard),
    ActGuard("flap", _TAKEN_DOWN, _no_wish, _flaps),
    ActGuard("storm", _EVERY, _no_wish, _storms),
    ActGuard("limit", _EVERY, _no_wish, _over_limit),
)
"""All guards on acts, in the order in which they are asked; the first that refuses is named."""


def ask(facts: Facts, guards: Iterable[ActGuard] = ACT_GUARDS) -> Verdict:
    """Return the word of the guards on an act."""
    for guard in guards:
        if facts.act.kind in guard.kinds and guard.binds(facts.act):
            words = guard.veto(facts)
            if words:
                return Verdict(False, guard.name, words)
    return ALLOWED
