"""Our services in a Keystone's catalogue: what makes clients find us there; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faultwire.client.errors import ClientError

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offered:
    """A service of ours; its name tells it from others of its type. `path` follows our URL."""

    type: str
    name: str
    path: str
    about: str
    tail: str = ""
    """What follows where the face is alone on its listener, too."""


_PROJECT = "/v1.0/$(project_id)s"
OFFERED: tuple[Offered, ...] = (
    # Clients append ``/v2`` themselves, as they do to Aodh's.
    Offered("alarming", "faultwire-alarming", "/alarming", "Alarms of faults, by Aodh's API"),
    Offered("fault", "faultwire", "/fault", "Faults, and what became of them"),
    Offered("rca", "faultwire-rca", "/fault", "Where Doctor's monitors post faults"),
    Offered("os-fping", "faultwire-fping", "/compute", "Pings of servers", "/v2.1"),
    Offered("rpc-ping", "faultwire-guests", "/database", "Pings of guests", _PROJECT),
)
"""What can be registered. What a cloud's own services are called stays theirs."""

TYPES = tuple(one.type for one in OFFERED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the catalogue is to say: a URL for each interface, in one region."""

    urls: Mapping[str, str]
    region: str
    types: tuple[str, ...] = TYPES
    alone: bool = False

    def offered(self) -> Iterator[Offered]:
        """Return the wanted services."""
        return (one for one in OFFERED if one.type in self.types)

    def url(self, service: Offered, interface: str) -> str:
        """Return where a service is."""
        base = self.urls[interface].rstrip("/")
        return base + ("" if self.alone else service.path) + service.tail


@dataclass(frozen=True, slots=True)
class Step:
    """One request to Keystone; `about` says it to people.

    ``{service}`` in a body stands for the id of the service that the step before made.
    """

    about: str
    method: str
    path: str
    body: Row = field(default_factory=dict)


def steps(
    services: Sequence[Row], endpoints: Sequence[Row], wish: Wish, regions: Iterable[Row] = ()
) -> list[Step]:
    """Return what makes the catalogue say what is wished; nothing where it does.

    A region that is not there is made, as other clients of Keystone do.

    Raises ClientError where somebody else serves the type in that region: clients would find
    either.
    """
    found: list[Step] = []
    if wish.region not in {one["id"] for one in regions}:
        region = {"region": {"id": wish.region}}
        found.append(Step(f"add region {wish.region}", "POST", "/regions", region))
    for offered in wish.offered():
        _nobody_else(services, endpoints, offered, wish)
        ours = _ours(services, offered)
        if ours is None:
            described = {"description": offered.about, "enabled": True}
            body = {"type": offered.type, "name": offered.name, **described}
            found.append(
                Step(f"add service {_named(offered)}", "POST", "/services", {"service": body})
            )
        found += _endpoints(endpoints, offered, "" if ours is None else str(ours["id"]), wish)
    return found


def _endpoints(
    endpoints: Sequence[Row], offered: Offered, service: str, wish: Wish
) -> Iterator[Step]:
    for interface in wish.urls:
        url = wish.url(offered, interface)
        held = [
            one
            for one in endpoints
            if (one["service_id"], one["interface"], _region(one))
            == (service, interface, wish.region)
        ]
        what = f"{interface} endpoint of {_named(offered)}"
        if not held:
            body = {
                "service_id": service or "{service}",
                "interface": interface,
                "url": url,
                "region_id": wish.region,
                "enabled": True,
            }
            yield Step(f"add {what}: {url}", "POST", "/endpoints", {"endpoint": body})
        elif held[0]["url"] != url or not held[0].get("enabled", True):
            yield Step(
                f"change {what}: {held[0]['url']} to {url}",
                "PATCH",
                f"/endpoints/{held[0]['id']}",
                {"endpoint": {"url": url, "enabled": True}},
            )
        for more in held[1:]:
            yield Step(f"remove a second {what}", "DELETE", f"/endpoints/{more['id']}")


def removal(services: Sequence[Row], endpoints: Sequence[Row], wish: Wish) -> list[Step]:
    """Return what takes us out of a region; services go where no other region has them."""
    found = []
    for offered in wish.offered():
        ours = _ours(services, offered)
        if ours is None:
            continue
        own = [one for one in endpoints if one["service_id"] == ours["id"]]
        there = [one for one in own if _region(one) == wish.region]
        for one in there:
            about = f"remove {one['interface']} endpoint of {_named(offered)}: {one['url']}"
            found.append(Step(about, "DELETE", f"/endpoints/{one['id']}"))
        if len(there) == len(own):
            about = f"remove service {_named(offered)}"
            found.append(Step(about, "DELETE", f"/services/{ours['id']}"))
    return found


def _nobody_else(
    services: Sequence[Row], endpoints: Iterable[Row], offered: Offered, wish: Wish
) -> None:
    others = {
        one["id"]: one.get("name") or one["id"]
        for one in services
        if one["type"] == offered.type and one.get("name") != offered.name
    }
    for one in endpoints:
        if (
            one["service_id"] in others
            and _region(one) == wish.region
            and one.get("enabled", True)
        ):
            name = others[one["service_id"]]
            raise ClientError(
                f"{offered.type} is served by {name} at {one['url']} in {wish.region}: remove "
                "that first, name another --region, or leave it out by --service"
            )


def _ours(services: Sequence[Row], offered: Offered) -> Row | None:
    known = (offered.type, offered.name)
    return next((one for one in services if (one["type"], one.get("name")) == known), None)


def _region(endpoint: Row) -> str:
    return str(endpoint.get("region_id") or endpoint.get("region") or "")


def _named(offered: Offered) -> str:
    return f"{offered.type} ({offered.name})"
