"""What is wrong now, told as if it had just become so: for subscribers who come later."""

from collections.abc import Callable, Iterable, Iterator

from faultwire.controllers.embedded import holding, telling
from faultwire.domain.causes import Cause, ResourceKind, standing
from faultwire.domain.events import Event
from faultwire.domain.faults import worst
from faultwire.domain.ids import ADMINISTRATORS, FaultId, HostName, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host, Server
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.ports import View

ELSEWHERE = frozenset({ResourceKind.PORT, ResourceKind.GUEST})
"""What is told of by `telling_ports` and `guests`."""

SLICE = 64
"""Resources looked at between two breathing points."""

Causes = Callable[[], Iterable[Cause]]
"""All causes that stand, resource by resource."""


def present(
    causes: Causes,
    project: ProjectId,
    view: View,
    now: Instant,
    terms: StatusTerms = NOVA_TERMS,
) -> Iterator[Event | None]:
    """Tell everything of a project that is held by something, or whose host is, each once.

    Administrators (project ``""``) are told of the hosts too, and of everybody's servers. The
    events belong to no fault's timeline: it is long over. None: others may be served.
    """
    seen: set[tuple[ResourceKind, str]] = set()
    for number, cause in enumerate(causes(), 1):
        if number % SLICE == 0:
            yield None
        if cause.kind in ELSEWHERE or (cause.kind, cause.resource) in seen:
            continue
        seen.add((cause.kind, cause.resource))
        if cause.kind is ResourceKind.SERVER:
            server = view.server(ServerId(cause.resource))
            if server is not None and project in {ADMINISTRATORS, server.project}:
                yield server_event(server, cause.fault_id, terms, view, now)
            continue
        entry = view.entry(HostName(cause.resource))
        if entry is None:
            continue
        if project == ADMINISTRATORS:
            yield _host(entry.host, cause.fault_id, view, now)
        for server in entry.servers:
            # What no cause holds was left alone (S119); it stands on a dead host all the same.
            theirs = project in {ADMINISTRATORS, server.project}
            if theirs and not view.causes_of(ResourceKind.SERVER, server.id):
                yield server_event(server, cause.fault_id, terms, view, now)


def _host(host: Host, fault_id: FaultId, view: View, now: Instant) -> Event:
    severity = standing(view.causes_of(ResourceKind.HOST, host.name), view.live_fault)
    return telling.service_update(host, fault_id, now, raised=False, severity=severity.value)


def server_event(
    server: Server, fault_id: FaultId, terms: StatusTerms, view: View, now: Instant
) -> Event:
    """Tell how a server stands now; the fault is the one that it is about."""
    held = view.causes_of(ResourceKind.SERVER, server.id)
    on = view.causes_of(ResourceKind.HOST, server.host)
    severity = worst((standing(held, view.live_fault), standing(on, view.live_fault)))
    status = terms.status(view.host(server.host))
    shown = holding.TOLD if held and not any(cause.wanted for cause in held) else None
    told = telling.Told(
        server, server, shown, (status, status), view.ports_of(server.id), severity.value
    )
    return telling.instance_update(told, fault_id, now, raised=False)
