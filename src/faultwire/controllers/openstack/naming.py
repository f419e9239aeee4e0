"""What of the map is a cloud's: the names of its hosts here, and what is another cloud's; pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import PortId, ServerId
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.ports import Inventory

About = tuple[str, str]
"""A kind of thing (host, server, port) and the name of one."""

Elsewhere = Callable[[str], bool]
"""Whether another cloud's last look had a server or port of this id that is on no host."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How hosts of a cloud are called here: `prefix` before the cloud's own name.

    `others` are the prefixes of the other clouds; none where there is one cloud, which has all.
    """

    prefix: str = ""
    others: tuple[str, ...] = ()

    def here(self, host: str) -> str:
        """Return our name of a host; empty for none."""
        return f"{self.prefix}{host}" if host else ""

    def ours(self, host: str | None) -> bool:
        """Whether a host of the map is of this cloud."""
        return bool(host) and str(host).startswith(self.prefix)

    def others_have(self, host: str | None) -> bool:
        """Whether a host of the map is of another cloud."""
        return bool(host) and str(host).startswith(self.others)


def names(clouds: tuple[str, ...]) -> dict[str, Naming]:
    """Return how hosts of each cloud are called: of the only one as it calls them."""
    if len(clouds) < 2:
        return {name: Naming() for name in clouds}
    return {
        name: Naming(f"{name}/", tuple(f"{other}/" for other in clouds if other != name))
        for name in clouds
    }


def in_our_words(notice: Notice, naming: Naming) -> Notice:
    """Return what a cloud told, with our names of its hosts."""
    match notice:
        case ServerNotice() | PortNotice() if notice.host:
            return replace(notice, host=naming.here(notice.host))
        case ServiceNotice():
            return replace(notice, host=naming.here(notice.host))
        case _:
            return notice


def is_anothers(
    notice: Notice, naming: Naming, inventory: Inventory, elsewhere: Elsewhere
) -> bool:
    """Whether the map has what is told of as another cloud's: ids of two clouds may be equal.

    One that is a copy of the other's database has the same. Who came first keeps it.
    """
    match notice:
        case ServerNotice(id=name):
            server = inventory.server(ServerId(name))
            host = None if server is None else server.host or ""
        case PortNotice(id=name):
            port = inventory.port(PortId(name))
            host = None if port is None else port.host or ""
        case _:
            return False
    if host is None:
        return False
    return naming.others_have(host) if host else bool(naming.others) and elsewhere(name)


def cloud_named(name: object, clouds: tuple[str, ...]) -> str:
    """Return whose notifications these are; raises Invalid where it is not known."""
    if name in (None, ""):
        if len(clouds) > 1:
            raise Invalid("cloud", f"is mandatory, of several clouds: {', '.join(clouds)}")
        return clouds[0] if clouds else ""
    if name not in clouds:
        raise Invalid("cloud", "is not in [openstack] clouds")
    return str(name)
