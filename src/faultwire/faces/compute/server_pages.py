"""Lists of servers: which, in which order, and how much of it an answer has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from faultwire.domain.errors import Forbidden, Invalid
from faultwire.domain.ids import ProjectId, ServerId
from faultwire.domain.resources import Server
from faultwire.faces.compute import server_filters
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.server_filters import FILTERS, Test
from faultwire.faces.compute.server_view import NOBODY, POWER, created_ns, hostname, updated_ns
from faultwire.faces.http import breathe_of
from faultwire.ports import Breathe

MOST = 1000
"""Servers of one answer."""
SLICE = 1000
"""Servers looked at between two moments in which others are served."""

Key = Callable[[Server], Any]


def _nothing(server: Server) -> int:
    del server
    return 0


SORT_KEYS: Mapping[str, Key] = {
    "access_ip_v4": _nothing,
    "access_ip_v6": _nothing,
    "auto_disk_config": _nothing,
    "availability_zone": _nothing,
    "config_drive": _nothing,
    "created_at": created_ns,
    "display_description": lambda s: (s.about or NOBODY).description or "",
    "display_name": lambda s: s.name,
    "host": lambda s: s.host,
    "hostname": hostname,
    "image_ref": lambda s: (s.about or NOBODY).image,
    "instance_type_id": lambda s: (s.about or NOBODY).flavor,
    "kernel_id": _nothing,
    "key_name": lambda s: (s.about or NOBODY).key_name or "",
    "launch_index": _nothing,
    "launched_at": created_ns,
    "locked": lambda s: (s.about or NOBODY).locked,
    "locked_by": _nothing,
    "node": lambda s: s.host,
    "power_state": lambda s: POWER[s.power_state],
    "progress": _nothing,
    "project_id": lambda s: s.project,
    "ramdisk_id": _nothing,
    "root_device_name": _nothing,
    "task_state": lambda s: s.task_state or "",
    "terminated_at": _nothing,
    "updated_at": updated_ns,
    "user_id": lambda s: (s.about or NOBODY).user,
    "uuid": lambda s: s.id,
    "vm_state": lambda s: s.vm_state._value_,
}
"""What servers can be sorted by."""

ADMIN_SORT_KEYS = ("host", "node")

QUERY: Mapping[str, str] = {
    "limit": f"How many at most, {MOST} or fewer.",
    "marker": "Id of the last server of the page before.",
    "sort_key": "What to sort by; repeatable.",
    "sort_dir": "asc or desc, one for each key.",
    "status": "Status; repeatable.",
    "all_tenants": "Of all projects; administrators.",
    "project_id": "Of this project; administrators, with all_tenants.",
    "tenant_id": "The same by its old name.",
    **{name: one.about for name, one in FILTERS.items()},
}
"""All parameters of a list."""

ALSO_KNOWN = (
    "created_at",
    "launched_at",
    "terminated_at",
    "progress",
    "config_drive",
    "image_ref",
    "instance_name",
    "instance_type_id",
    "display_name",
    "display_description",
    "launch_index",
    "locked_by",
    "root_device_name",
    "access_ip_v4",
    "access_ip_v6",
    "auto_disk_config",
    "kernel_id",
    "ramdisk_id",
    "user_data",
    "block_device_mapping",
    "services",
    "metadata",
    "system_metadata",
    "security_groups",
    "info_cache",
    "extra",
    "pci_devices",
    "fixed_ip",
    "fault",
    "soft_deleted",
    "cell_name",
    "marker",
)
"""Parameters that Nova knows and that ask for nothing here: they are passed over."""


WITHIN: Mapping[str, str] = {
    "index": "os_compute_api:servers:index",
    "detail": "os_compute_api:servers:detail",
}
EVERYWHERE: Mapping[str, str] = {
    "index": "os_compute_api:servers:index:get_all_tenants",
    "detail": "os_compute_api:servers:detail:get_all_tenants",
}
"""Rules of a list, of one's own project and of all."""


@dataclass(frozen=True, slots=True)
class Page:
    """Servers of one answer; `following` is the query of the next page, None after the last."""

    servers: Sequence[Server]
    following: str | None


async def page(ask: Ask, name: str) -> Page:
    """Return what a request for a list asks for; `name` is the list's, ``index`` or ``detail``.

    Raises Invalid and Forbidden as Nova does.
    """
    query = ask.query(*QUERY, *ALSO_KNOWN, underscored=True)
    limit, order = _limit(query), _order(ask)
    everywhere = server_filters.every_tenant(query)
    everything = ask.allowed("os_compute_api:servers:allow_all_filters", ask.caller.project)
    if everywhere:
        ask.enforce(EVERYWHERE[name], ask.caller.project)
    else:
        ask.enforce(WITHIN[name], ask.caller.project)
    tests = server_filters.tests(ask, query, everything=everything)
    status = server_filters.by_status(ask, ask.request.query_params.getlist("status"))
    if status is not None:
        tests.append(status)
    project: str | None = ask.caller.project
    if everywhere:
        project = query.get("project_id", query.get("tenant_id"))
    last = _marker(ask, query.get("marker"), None if everywhere else ask.caller.project)
    candidates = _candidates(ask, query, project, everything=everything)
    if project is not None:
        tests.append(_owned_by(project))
    found = await _select(candidates, tests, (order, last, limit), breathe_of(ask.request))
    full = bool(found) and len(found) == limit
    return Page(found, _following(ask, found[-1].id) if full else None)


def _candidates(
    ask: Ask, query: Mapping[str, str], project: str | None, *, everything: bool
) -> Sequence[Server]:
    """Return the fewest servers among which all that are wanted are."""
    inventory = ask.ports.inventory
    host = server_filters.host_of(query, everything=everything)
    if host is not None:
        entry = inventory.entry(host)
        return entry.servers if entry else ()
    if project is not None:
        return inventory.servers_of(ProjectId(project))
    return tuple(inventory.servers())


def _owned_by(project: str) -> Test:
    return lambda server: server.project == project


async def _select(
    candidates: Sequence[Server],
    tests: Sequence[Test],
    cut: tuple[Sequence[tuple[Key, bool]], Server | None, int],
    breathe: Breathe,
) -> list[Server]:
    """Return the first so many in an order, after the last of a page; others are served too."""
    order, last, limit = cut
    found: list[Server] = []
    for start in range(0, len(candidates), SLICE):
        if start:
            await breathe()
        some = candidates[start : start + SLICE]
        for test in tests:
            some = [server for server in some if test(server)]
        if not some and last is None:
            continue
        found += some
        found = _after(_sorted(found, last, order), last)[:limit]
    return found


def _sorted(
    servers: list[Server], last: Server | None, order: Sequence[tuple[Key, bool]]
) -> list[Server]:
    """Return the servers in order, the marker among them."""
    if last is not None and all(server.id != last.id for server in servers):
        servers = [*servers, last]
    for key, falling in reversed(order):
        servers = sorted(servers, key=key, reverse=falling)
    return servers


def _after(servers: list[Server], last: Server | None) -> list[Server]:
    if last is None:
        return servers
    at = next(number for number, server in enumerate(servers) if server.id == last.id)
    return servers[at + 1 :]


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "")
    if not text.isascii() or not (text.isdecimal() or not text):
        raise Invalid(
            "",
            f"Invalid input for query parameters limit. Value: {text[:100]}. "
            f"{text[:100]!r} does not match '^[0-9]*$'",
        )
    return min(int(text[:20]), MOST) if text else MOST


def _marker(ask: Ask, name: str | None, project: ProjectId | None) -> Server | None:
    if not name:
        return None
    server = ask.ports.inventory.server(ServerId(name))
    if server is None or project not in {None, server.project}:
        raise Invalid("", f"marker [{name[:100]}] not found")
    return server


def _order(ask: Ask) -> list[tuple[Key, bool]]:
    """Return the keys, each with whether it falls; newest first where nothing is asked."""
    params = ask.request.query_params
    keys, ways = params.getlist("sort_key"), params.getlist("sort_dir")
    known = [key for key in SORT_KEYS if key != "locked" or ask.since(73)]
    for key in keys:
        if key not in known:
            raise Invalid(
                "",
                f"Invalid input for query parameters sort_key. Value: {key[:100]}. "
                f"{key[:100]!r} is not one of {known!r}",
            )
        if key in ADMIN_SORT_KEYS and not ask.caller.admin:
            raise Forbidden(f"Only administrators can sort servers by {key}")
    for way in ways:
        if way not in {"asc", "desc"}:
            raise Invalid(
                "",
                f"Invalid input for query parameters sort_dir. Value: {way[:100]}. "
                f"{way[:100]!r} is not one of ['asc', 'desc']",
            )
    default = ways[0] if ways else "desc"
    if len(ways) > len(keys) and keys:
        raise Invalid("", "Sort direction size exceeds sort key size")
    wanted = list(dict.fromkeys((*keys, "created_at", "uuid")))
    named = dict(zip(keys, ways, strict=False))
    return [(SORT_KEYS[key], named.get(key, default) == "desc") for key in wanted]


def _following(ask: Ask, marker: str) -> str:
    """Return the query of the next page: the present one in order, then the marker."""
    items = sorted(item for item in ask.request.query_params.multi_items() if item[0] != "marker")
    return urlencode([*items, ("marker", marker)])
