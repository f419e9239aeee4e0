"""The service catalog: where each face is, as a token tells it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faultwire.domain.ids import derived
from faultwire.faces.addresses import Address

REGION = "RegionOne"
INTERFACES = ("public", "internal", "admin")
BASES_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the catalog; `path` follows the base URL of the listener.

    A face with a listener of its own is there without the first segment of its `path`. With
    `per_project` the id of the token's project follows the path.
    """

    type: str
    name: str
    path: str
    per_project: bool = False


SERVICES = (
    Service("identity", "keystone", "/identity/v3"),
    Service("fault", "faultwire", "/fault"),
    # Doctor's monitors post to ``{rca}/v1/event``, as Vitrage has it (D4).
    Service("rca", "vitrage", "/fault"),
    Service("compute", "nova", "/compute/v2.1"),
    Service("image", "glance", "/image"),
    # Clients append ``/v2.0`` themselves.
    Service("network", "neutron", "/network"),
    # Clients append ``/v2`` themselves.
    Service("alarming", "aodh", "/alarming"),
    Service("database", "trove", "/database/v1.0", per_project=True),
)
"""The services of the first faces; the composition may add to them."""


class Catalog:
    """Makes the catalog for a base URL, once for each."""

    def __init__(
        self,
        services: Iterable[Service] = SERVICES,
        elsewhere: Mapping[str, Address] | None = None,
    ) -> None:
        """Take the services in the order in which they are shown.

        `elsewhere` are those with a listener of their own, by type.
        """
        self._services = tuple(services)
        self._elsewhere = elsewhere or {}
        self._made: dict[str, list[dict[str, object]]] = {}

    def at(self, base: str, project: str) -> list[dict[str, object]]:
        """Return the catalog of a project's token in Keystone's form; not to be changed."""
        own = [
            _entry(service, f"{self._url(service, base)}/{project}")
            for service in self._services
            if service.per_project
        ]
        return self._shared(base) + own

    def _shared(self, base: str) -> list[dict[str, object]]:
        made = self._made.get(base)
        if made is None:
            made = [
                _entry(service, self._url(service, base))
                for service in self._services
                if not service.per_project
            ]
            # The base comes with the request: nobody may fill the memory with names of us.
            if len(self._made) >= BASES_REMEMBERED:
                self._made.clear()
            self._made[base] = made
        return made

    def _url(self, service: Service, base: str) -> str:
        address = self._elsewhere.get(service.type)
        if address is None:
            return base + service.path
        _, slash, rest = service.path.removeprefix("/").partition("/")
        return address(base) + slash + rest


def _entry(service: Service, url: str) -> dict[str, object]:
    endpoints = [
        {
            "id": derived("endpoint", service.type, interface).replace("-", ""),
            "interface": interface,
            "region": REGION,
            "region_id": REGION,
            "url": url,
        }
        for interface in INTERFACES
    ]
    return {
        "id": derived("service", service.type).replace("-", ""),
        "type": service.type,
        "name": service.name,
        "endpoints": endpoints,
    }
