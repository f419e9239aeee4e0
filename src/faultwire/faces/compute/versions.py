"""Microversions of the compute face: which there are, why, and which one a request asks for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from faultwire.domain.errors import Invalid, Refused

SERVICE = "compute"
NEW_HEADER = "openstack-api-version"
OLD_HEADER = "x-openstack-nova-api-version"
MIN, MAX = 1, 96
"""Minor numbers of the range that is offered; the major one is 2."""

LATEST = "latest"
_FORM = re.compile(r"([1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\Z")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A microversion."""

    major: int
    minor: int

    def __str__(self) -> str:
        """Return it as headers have it."""
        return f"{self.major}.{self.minor}"


class Unsupported(Refused):
    """A well-formed version outside the range (406)."""


CHANGES: Mapping[int, str] = {
    1: "Services, hosts, hypervisors and servers as in Nova's first v2.1.",
    3: "A server shows its root device, host name and time of launch.",
    8: "Consoles: not served.",
    9: "A server shows `locked`; nothing here locks one.",
    11: "Services show `forced_down` and can be forced down.",
    14: "`evacuate` takes no onSharedStorage and answers nothing.",
    16: "Servers show `host_status`.",
    19: "Servers have a description.",
    23: "Migrations: not served.",
    26: "Servers show tags.",
    28: "Hypervisors show cpu_info as an object.",
    29: "`evacuate` takes `force`.",
    33: "Lists of hypervisors take limit and marker.",
    36: "Proxies to other services end: networks, images, os-fping.",
    38: "A list of servers by an unknown status is refused.",
    43: "os-hosts ends.",
    47: "A server shows its flavor itself, not a link.",
    53: "Services and hypervisors are known by UUID; services change by PUT of their own.",
    63: "A server shows trusted_image_certificates.",
    66: "Servers can be filtered by changes-before.",
    68: "`evacuate` takes no `force` any more.",
    69: "Cells that are down: there are none here.",
    71: "A server shows server_groups.",
    73: "A server shows locked_reason and can be filtered by `locked`.",
    75: "Unknown parameters of a query are refused; answers of changes show all of a server.",
    83: "More filters of servers for everybody.",
    88: "Hypervisors show no figures of their own any more, and their uptime.",
    90: "A server's host name can be seen by its owner.",
    95: "A server that was evacuated stays stopped.",
    96: "A server shows pinned_availability_zone.",
}
"""What each version that matters here brings; the ones between change nothing that is served.

The range ends at 2.96: the newest that python-novaclient asks for, and later ones concern shares,
image properties and scheduler hints, which are not served.
"""


def asked(headers: Mapping[str, str]) -> Version:
    """Return the version that a request's headers ask for; 2.1 where they ask for none.

    Raises Invalid for what is no version. It may be outside the range: see `check`.
    """
    text = _standard(headers.get(NEW_HEADER, "")) or headers.get(OLD_HEADER, "").strip()
    if not text:
        return Version(2, MIN)
    if text == LATEST:
        return Version(2, MAX)
    form = _FORM.match(text)
    if form is None:
        shown = text[:100]
        raise Invalid(
            "",
            f"API Version String {shown} is of invalid format. "
            "Must be of format MajorNum.MinorNum.",
        )
    return Version(int(form[1]), int(form[2]))


def _standard(header: str) -> str:
    """Return what the header says of our service; several services may be named in one."""
    found = ""
    for part in header.split(","):
        service, _, version = part.strip().partition(" ")
        if service.lower() == SERVICE:
            found = version.strip()
    return found


def check(version: Version) -> None:
    """Raise Unsupported for a version outside the range."""
    if version.major != 2 or not MIN <= version.minor <= MAX:
        raise Unsupported(
            f"Version {version} is not supported by the API. "
            f"Minimum is 2.{MIN} and maximum is 2.{MAX}."
        )


def headers_of(version: Version) -> dict[str, str]:
    """Return the headers that tell in which version an answer is."""
    return {
        "OpenStack-API-Version": f"{SERVICE} {version}",
        "X-OpenStack-Nova-API-Version": str(version),
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }
