"""Filters of a list of servers: which parameters there are, for whom, and what each means."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import HostName
from faultwire.domain.regexes import regex
from faultwire.domain.resources import Server
from faultwire.domain.states import STATUS_OF_VM_STATE
from faultwire.faces.compute.asking import Ask
from faultwire.faces.compute.server_view import (
    BUSY,
    DEFAULT_ZONE,
    NOBODY,
    POWER,
    hostname,
    status_of,
    updated_ns,
)

Test = Callable[[Server], bool]
Make = Callable[[str, Ask], Test]

ADMINS = 1000
"""A version that never comes: the filter is the administrators' alone."""

_PLAIN = re.compile(r"[\w -]*\Z")
_NS = 1_000_000_000
_YES = frozenset({"1", "t", "true", "on", "y", "yes"})
_NO = frozenset({"0", "f", "false", "off", "n", "no"})
_STATUSES = frozenset(STATUS_OF_VM_STATE.values()) | frozenset(BUSY.values())


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter: from which version on it is everybody's, and what it asks of a server."""

    since: int
    make: Make
    about: str


def _equal(value_of: Callable[[Server], object]) -> Make:
    return lambda text, _: lambda server: value_of(server) == text


def _never(text: str, ask: Ask) -> Test:
    """Of what no server here has."""
    del text, ask
    return lambda _: False


def _name(text: str, ask: Ask) -> Test:
    """Names are matched as expressions; one without special characters stands for itself."""
    del ask
    if _PLAIN.match(text):
        return lambda server: text in server.name
    try:
        found = regex(text)
    except Invalid as error:
        raise Invalid("", f"Invalid input for query parameters name. {error.reason}") from None
    return lambda server: found.matches(server.name)


def _ip(text: str, ask: Ask) -> Test:
    """Addresses too; without special characters but dots it is the beginning of one."""
    try:
        found = regex(text if set(text) & set("^$*+?[(\\|") else f"^{re.escape(text)}")
    except Invalid as error:
        raise Invalid("", f"Invalid input for query parameters ip. {error.reason}") from None
    ports_of = ask.ports.inventory.ports_of

    def test(server: Server) -> bool:
        own = [address for port in ports_of(server.id) for address in port.addresses]
        return any(found.matches(address) for address in (*server.addresses, *own))

    return test


def _since(text: str, ask: Ask) -> Test:
    del ask
    at_ns = _moment("changes-since", text)
    return lambda server: updated_ns(server) >= at_ns


def _before(text: str, ask: Ask) -> Test:
    del ask
    at_ns = _moment("changes-before", text)
    return lambda server: updated_ns(server) <= at_ns


def _moment(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise Invalid(
            "",
            f"Invalid input for query parameters {name}. Value: {text[:100]}. "
            f"{text[:100]!r} is not a 'date-time'",
        ) from None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return int(moment.timestamp()) * _NS + moment.microsecond * 1000


def _truth(name: str, text: str) -> bool:
    said = text.strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    raise Invalid(
        "",
        f"Invalid input received: Unrecognized value '{text[:100]}' for {name}, acceptable "
        "values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
    )


def _locked(text: str, ask: Ask) -> Test:
    del ask
    wanted = _truth("locked", text)
    return lambda server: (server.about or NOBODY).locked is wanted


def _deleted(text: str, ask: Ask) -> Test:
    del ask
    deleted = _truth("deleted", text)
    return lambda _: not deleted


def _power(text: str, ask: Ask) -> Test:
    del ask
    numbers = {str(number): power for power, number in POWER.items()}
    wanted = numbers.get(text)
    return lambda server: server.power_state is wanted


def _zone(text: str, ask: Ask) -> Test:
    host_of = ask.ports.inventory.host

    def test(server: Server) -> bool:
        host = host_of(server.host)
        return host is not None and (host.zone or DEFAULT_ZONE) == text

    return test


def _none(text: str) -> str | None:
    return None if text.lower() in {"", "none", "null"} else text


FILTERS: Mapping[str, Filter] = {
    "name": Filter(1, _name, "Part of a name, or a regular expression."),
    "image": Filter(1, _equal(lambda s: (s.about or NOBODY).image), "Id of the image."),
    "flavor": Filter(1, _equal(lambda s: (s.about or NOBODY).flavor or "0"), "Id of the flavor."),
    "ip": Filter(1, _ip, "Beginning of an IPv4 address, or a regular expression."),
    "ip6": Filter(5, _ip, "Beginning of an IPv6 address, or a regular expression."),
    "changes-since": Filter(1, _since, "Changed at this time or later."),
    "changes-before": Filter(66, _before, "Changed at this time or earlier."),
    "reservation_id": Filter(1, _equal(lambda s: f"r-{s.id[-8:]}"), "Id of the reservation."),
    "tags": Filter(26, _never, "Has all tags; no server has any."),
    "tags-any": Filter(26, _never, "Has any tag; no server has any."),
    "not-tags": Filter(26, lambda _, __: lambda ___: True, "Has not all tags."),
    "not-tags-any": Filter(26, lambda _, __: lambda ___: True, "Has none of the tags."),
    "locked": Filter(73, _locked, "Whether it is locked."),
    "availability_zone": Filter(83, _zone, "Its availability zone."),
    "key_name": Filter(83, _equal(lambda s: (s.about or NOBODY).key_name), "Name of its key."),
    "power_state": Filter(83, _power, "Number of its power state."),
    "task_state": Filter(
        83, lambda text, _: lambda s: s.task_state == _none(text), "Its task, or none."
    ),
    "vm_state": Filter(83, _equal(lambda s: s.vm_state._value_), "Its vm_state."),
    "user_id": Filter(83, _equal(lambda s: (s.about or NOBODY).user), "Who made it."),
    "hostname": Filter(90, _equal(hostname), "Its host name."),
    "host": Filter(ADMINS, _equal(lambda s: s.host), "Its host."),
    "node": Filter(ADMINS, _equal(lambda s: s.host), "Its hypervisor."),
    "hypervisor_hostname": Filter(ADMINS, _equal(lambda s: s.host), "Its hypervisor."),
    "uuid": Filter(ADMINS, _equal(lambda s: s.id), "Its id."),
    "description": Filter(
        ADMINS, _equal(lambda s: (s.about or NOBODY).description), "Its description."
    ),
    "deleted": Filter(ADMINS, _deleted, "True: deleted ones, which are not kept."),
}
"""Filters by parameter; `status`, `all_tenants` and the project have rules of their own."""


def tests(ask: Ask, query: Mapping[str, str], *, everything: bool) -> list[Test]:
    """Return what a server must pass; what the caller may not filter by is passed over.

    Raises Invalid for values that make no sense.
    """
    made = []
    if ask.since(66) and {"changes-since", "changes-before"} <= query.keys():
        first, last = (_moment(name, query[name]) for name in ("changes-since", "changes-before"))
        if first > last:
            raise Invalid(
                "", "The value of changes-since must be less than or equal to changes-before."
            )
    for name, filter_ in FILTERS.items():
        if name in query and (everything or ask.since(filter_.since)):
            made.append(filter_.make(query[name], ask))
    return made


def by_status(ask: Ask, values: Iterable[str]) -> Test | None:
    """Return the test on the status, None where none is asked for.

    Raises Invalid for an unknown one from 2.38 on; before that nothing has it.
    """
    wanted = [value.upper() for value in values]
    if not wanted:
        return None
    unknown = [value for value in wanted if value not in _STATUSES]
    if len(unknown) == len(wanted) and ask.since(38):
        raise Invalid("", "Invalid status value")
    statuses = frozenset(wanted)
    return lambda server: status_of(server) in statuses


def every_tenant(query: Mapping[str, str]) -> bool:
    """Return whether all projects are asked for; an empty value says so too."""
    text = query.get("all_tenants")
    return text is not None and (not text or _truth("all_tenants", text))


def host_of(query: Mapping[str, str], *, everything: bool) -> HostName | None:
    """Return the one host that is asked for, if the caller may ask for it."""
    name = query.get("host") if everything else None
    return HostName(name) if name is not None else None
