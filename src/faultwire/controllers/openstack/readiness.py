"""Whether a cloud is ready for us: what each answer of its services means; pure.

One judge for each check: a fact in, a `Finding` out. What could not be asked at all is judged by
`unasked`, whatever the check.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from faultwire.controllers.openstack.hearing import NEUTRON_DRIVER, NOVA_DRIVER
from faultwire.domain.errors import FaultwireError, Forbidden, Unavailable
from faultwire.domain.findings import Finding, Level

SLOW_MS = 1000.0
NEEDED, WANTED = (2, 53), (2, 94)
"""Nova's microversions: services by uuid; evacuation that leaves servers running at most."""
APART_MS, FAR_APART_MS = 2_000, 30_000
"""How far clocks may differ: notifications that are 5 s older than a look are passed over."""
ROLES = ("admin", "service")
OWN_TYPES = ("alarming", "rca")
EXTENSION = "data-plane-status"
SHOWN = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered to one request; times are wall ns by our clock."""

    url: str
    status: int
    raw: bytes
    date: str
    asked_ns: int
    answered_ns: int

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.answered_ns - self.asked_ns) / 1e6

    @property
    def document(self) -> Any:
        """The JSON object that came; None where none did."""
        try:
            found = orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def is_page(self) -> bool:
        """Whether it is a page for a browser."""
        return self.raw.lstrip()[:1] == b"<"

    @property
    def said(self) -> str:
        """The begin of what it said, to be shown on a terminal."""
        text = " ".join(self.raw[:SHOWN].decode(errors="replace").split())
        return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A token of the cloud, and what its catalogue says: (type, region, URL) of our interface."""

    ms: float
    region: str
    roles: tuple[str, ...]
    catalogue: tuple[tuple[str, str, str], ...]


def ok(check: str, text: str) -> Finding:
    """Return a finding of something that is right."""
    return Finding(check, Level.OK, text)


def warn(check: str, text: str, *mend: str) -> Finding:
    """Return a finding of something that works and should not stay so."""
    return Finding(check, Level.WARN, text, mend)


def fail(check: str, text: str, *mend: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, Level.FAIL, text, mend)


def unasked(check: str, error: FaultwireError, *mend: str) -> Finding:
    """Return what it means that the question could not be asked."""
    if isinstance(error, Forbidden):
        return fail(check, f"refused: {error}", *(mend or SIGN_IN))
    if isinstance(error, Unavailable):
        return fail(check, f"no answer: {error.detail}", *mend)
    return fail(check, str(error), *mend)


SIGN_IN = ("clouds.yaml: see that auth_url, the account and its secret are right:",
           "openstack --os-cloud NAME token issue")  # fmt: skip


def signing_in(check: str, found: SignedIn) -> Finding:
    """Judge the account by its roles."""
    text = f"a token in {found.ms:.0f} ms, roles {', '.join(found.roles) or 'none'}"
    if "admin" in found.roles:
        return ok(check, text)
    if set(found.roles) & set(ROLES):
        return warn(
            check, f"{text}: os-resetState and evacuate ask for admin, unless a policy says other",
            'nova policy.yaml: "os_compute_api:os-admin-actions:reset_state": "role:service"',
        )  # fmt: skip
    return fail(check, f"{text}: neither of {', '.join(ROLES)}",
                "openstack role add --user USER --project PROJECT admin")  # fmt: skip


def catalogue(check: str, found: SignedIn) -> Finding:
    """Judge whether the services that are asked are in the catalogue of the region."""
    if not found.catalogue:
        return fail(check, "the catalogue is empty: the token is of no project",
                    "clouds.yaml: auth: {project_name: …, project_domain_name: …}")  # fmt: skip
    here = {kind for kind, region, _ in found.catalogue if found.region in ("", region)}
    lacking = [kind for kind in ("compute", "network") if kind not in here]
    if lacking:
        regions = sorted({region for _, region, _ in found.catalogue})
        return fail(
            check,
            f"no {' and no '.join(lacking)} in region {found.region or '(any)'}; there are the"
            f" regions {', '.join(regions)}",
            "clouds.yaml: region_name: one of them; or",
            f"openstack endpoint create --region REGION {lacking[0]} public URL",
        )
    return ok(check, f"compute and network in region {found.region or '(any)'}")


def registered(check: str, found: SignedIn) -> Finding:
    """Judge whether callers find our own faces in the catalogue."""
    here = {kind: url for kind, region, url in found.catalogue if found.region in ("", region)}
    lacking = [kind for kind in OWN_TYPES if kind not in here]
    if lacking:
        return warn(check, f"no {' and no '.join(lacking)}: clients do not find Faultwire",
                    "faultwire register-endpoints --os-cloud NAME")  # fmt: skip
    return ok(check, ", ".join(f"{kind} at {here[kind]}" for kind in OWN_TYPES))


def endpoint(check: str, found: Answer) -> Finding:
    """Judge a service by its root page."""
    wrong = _wrong(check, found)
    if wrong is not None:
        return wrong
    text = f"{found.url} answers in {found.ms:.0f} ms"
    if found.ms > SLOW_MS:
        return warn(check, f"{text}: slow", "see the load of its service and its workers")
    return ok(check, text)


def _wrong(check: str, found: Answer) -> Finding | None:
    """Return what is wrong with an answer that is none of an API's."""
    if found.is_page:
        return fail(check, f"{found.url} answers {found.status} with a web page: {found.said}",
                    "the catalogue names a dashboard or a proxy's error page:",
                    "openstack endpoint set --url URL ENDPOINT")  # fmt: skip
    if found.status >= 500:
        return fail(check, f"{found.url} answers {found.status}: {found.said}",
                    "see the log of that service")  # fmt: skip
    if found.document is None:
        return fail(check, f"{found.url} answers {found.status} without JSON: {found.said}",
                    "see that the catalogue names the service itself")  # fmt: skip
    return None


def microversions(check: str, found: Answer) -> Finding:
    """Judge the microversions of Nova."""
    wrong = _wrong(check, found)
    if wrong is not None:
        return wrong
    version = found.document.get("version")
    said = version if isinstance(version, dict) else {}
    least, most = (_version(said.get(key)) for key in ("min_version", "version"))
    if most is None:
        return fail(check, f"{found.url} names no microversions",
                    "openstack endpoint set --url http://…/v2.1 ENDPOINT")  # fmt: skip
    text = f"{_dotted(least or (2, 1))} to {_dotted(most)}"
    if most < NEEDED or (least is not None and least > NEEDED):
        return fail(check, f"{text}: {_dotted(NEEDED)} is needed", "upgrade Nova")
    if most < WANTED:
        return ok(check, f"{text}; {_dotted(NEEDED)} is needed")
    return ok(check, f"{text}; {_dotted(NEEDED)} is needed, evacuations use {_dotted(WANTED)}")


def _version(text: object) -> tuple[int, int] | None:
    major, _, minor = str(text or "").partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def rows(check: str, found: Answer, kind: str, policy: str) -> Finding | list[Mapping[str, Any]]:
    """Return the rows of a list, or what is wrong with it."""
    wrong = _wrong(check, found)
    if wrong is not None:
        return wrong
    if found.status in {401, 403}:
        return fail(check, f"the account may not: {found.status} {found.said}", policy)
    listed = found.document.get(kind)
    if found.status >= 400 or not isinstance(listed, list):
        return fail(check, f"{found.url} answers {found.status}, not a list: {found.said}",
                    "see the log of that service")  # fmt: skip
    return [row for row in listed if isinstance(row, dict)]


def services(check: str, found: Answer) -> Finding:
    """Judge whether the computes can be listed."""
    listed = rows(check, found, "services",
                  'nova policy.yaml: "os_compute_api:os-services:list": "role:admin"')  # fmt: skip
    if isinstance(listed, Finding):
        return listed
    up = sum(row.get("state") == "up" for row in listed)
    if not listed:
        return warn(check, "there is no nova-compute", "nova-manage cell_v2 discover_hosts")
    text = f"{len(listed)} nova-compute, {up} up"
    return ok(check, text) if up else warn(check, text, "see that nova-compute runs")


def servers(check: str, found: Answer) -> Finding:
    """Judge whether the servers of all projects can be listed, with their hosts."""
    listed = rows(check, found, "servers",
                  'nova policy.yaml: "os_compute_api:servers:detail:get_all_tenants":'
                  ' "role:admin"')  # fmt: skip
    if isinstance(listed, Finding):
        return listed
    if listed and "OS-EXT-SRV-ATTR:host" not in listed[0]:
        return fail(check, "servers come without their host",
                    'nova policy.yaml: "os_compute_api:os-extended-server-attributes":'
                    ' "role:admin"')  # fmt: skip
    return ok(check, f"of all projects, with hosts, in {found.ms:.0f} ms")


def ports(check: str, found: Answer) -> Finding:
    """Judge whether ports can be listed with the hosts that they are bound to."""
    listed = rows(check, found, "ports", 'neutron policy.yaml: "get_port": "role:admin"')
    if isinstance(listed, Finding):
        return listed
    if listed and "binding:host_id" not in listed[0]:
        return fail(check, "ports come without their host",
                    'neutron policy.yaml: "get_port:binding:host_id": "role:admin"')  # fmt: skip
    return ok(check, f"with their hosts, in {found.ms:.0f} ms")


def forcing(check: str, found: Answer) -> Finding:
    """Judge whether hosts may be forced down: asked of a service that there is not."""
    wrong = _wrong(check, found)
    if wrong is not None:
        return wrong
    if found.status == 404:
        return ok(check, "the account may force hosts down")
    return fail(check, f"the account may not: {found.status} {found.said}",
                'nova policy.yaml: "os_compute_api:os-services:update": "role:admin"')  # fmt: skip


def extension(check: str, found: Answer) -> Finding:
    """Judge whether Neutron keeps the state of a port's data plane."""
    wrong = _wrong(check, found)
    if wrong is not None:
        return wrong
    if found.status == 200:
        return ok(check, f"Neutron has {EXTENSION}")
    text = f"Neutron has no {EXTENSION} ({found.status}): ports are marked here alone"
    extensions = "extension_drivers = port_security,data_plane_status"
    return warn(check, text, "# ml2_conf.ini", "[ml2]", extensions)


def clock(check: str, found: Sequence[Answer]) -> Finding:
    """Judge how far the services' clocks are from ours, by the Date of their answers."""
    offsets = [one for one in map(offset_ms, found) if one is not None]
    if not offsets:
        return warn(check, "no answer has a Date: their clocks are not known",
                    "chronyc tracking, on every controller")  # fmt: skip
    offset, error = max(offsets, key=lambda one: abs(one[0]) - one[1])
    text = (
        f"{offset / 1000:+.1f} s ± {error / 1000:.1f} s from ours, the farthest of {len(offsets)}"
    )
    apart = abs(offset) - error
    mend = ("chronyc tracking, there and here",)
    if apart > FAR_APART_MS:
        return fail(check, f"{text}: tokens and notifications are misjudged", *mend)
    if apart > APART_MS:
        return warn(check, f"{text}: fresh notifications may be taken to be old", *mend)
    return ok(check, text)


def offset_ms(found: Answer) -> tuple[float, float] | None:
    """Return how far the other's clock is ahead of ours, and how wrong that may be, in ms.

    A Date is cut to the second; it was read somewhere between our asking and the answer.
    """
    try:
        date = parsedate_to_datetime(found.date)
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        return None
    middle_ns = (found.asked_ns + found.answered_ns) / 2
    offset = date.timestamp() * 1000 + 500 - middle_ns / 1e6
    return offset, 500 + found.ms / 2


@dataclass(frozen=True, slots=True)
class BusSeen:
    """What of a broker could be seen: `exchanges` and queues that are there.

    `waiting` and `readers` are of our queue of notifications, None where it is not there.
    """

    address: str
    exchanges: tuple[str, ...]
    waiting: int | None
    readers: int | None


def bus(check: str, found: BusSeen | None) -> Finding:
    """Judge the bus of a cloud."""
    if found is None:
        return warn(
            check,
            "no transport_url: the map is kept by polling",
            "# faultwire.conf, or transport_url in the cloud's entry of clouds.yaml",
            "[DEFAULT]",
            "transport_url = rabbit://USER:PASSWORD@HOST:5672/VIRTUAL_HOST",
        )
    text = f"{found.address} lets us in"
    lacking = [name for name in ("nova", "neutron") if name not in found.exchanges]
    if "nova" in lacking:
        return fail(check, f"{text}; it has no exchange nova: it is another's broker, or Nova's"
                    " virtual host is another", "compare nova.conf: [DEFAULT] transport_url",
                    *NOVA_DRIVER)  # fmt: skip
    if lacking:
        return warn(check, f"{text}; it has no exchange neutron", *NEUTRON_DRIVER)
    if found.waiting is None:
        return warn(check, f"{text}; nobody listens: our queue is not there",
                    "faultwire serve --config FILE, or faultwire listener")  # fmt: skip
    text += f"; our queue is bound, {found.waiting} messages wait"
    if not found.readers:
        return warn(check, f"{text}, nobody reads it",
                    "faultwire serve --config FILE, or faultwire listener")  # fmt: skip
    return ok(check, text)


@dataclass(frozen=True, slots=True)
class Probed:
    """What was heard of changes that change nothing; None where it could not be tried."""

    nova: bool | None
    neutron: bool | None
    seconds: float


def telling(check: str, found: Probed | None) -> Finding:
    """Judge whether the cloud tells of its changes."""
    if found is None or (found.nova is None and found.neutron is None):
        why = "not tried" if found is None else "nothing to try it with: no compute up and no port"
        return warn(check, f"{why}; whether the cloud tells of changes is not known",
                    "faultwire doctor --probe, or look at faultwire status; Nova tells nothing by"
                    " default:", *NOVA_DRIVER, *NEUTRON_DRIVER)  # fmt: skip
    silent: list[str] = []
    lines: list[str] = []
    for name, heard, mend in (
        ("Nova of a service", found.nova, NOVA_DRIVER),
        ("Neutron of a port", found.neutron, NEUTRON_DRIVER),
    ):
        if heard is False:
            silent.append(name)
            lines += mend
    if silent:
        who = " and by ".join(silent)
        return fail(check, f"nothing was told within {found.seconds:g} s by {who}", *lines)
    told = [name for name, one in (("Nova", found.nova), ("Neutron", found.neutron)) if one]
    return ok(check, f"changes are told of by {' and by '.join(told)}")
