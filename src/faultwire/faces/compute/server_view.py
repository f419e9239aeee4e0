"""A server as Nova shows it, in each microversion; made for lists of a thousand."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from faultwire.domain import offers
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Particulars, Port, Server
from faultwire.domain.states import STATUS_OF_VM_STATE, HostStatus, PowerState
from faultwire.faces.compute.asking import Ask

HOST_STATUS = "os_compute_api:servers:show:host_status"
UNKNOWN_ONLY = "os_compute_api:servers:show:host_status:unknown-only"
ATTRIBUTES = "os_compute_api:os-extended-server-attributes"

DEFAULT_ZONE = "nova"
NETWORK = "private"
"""Name of the network of addresses that belong to no port of ours."""

POWER: Mapping[PowerState, int] = {
    PowerState.NOSTATE: 0,
    PowerState.RUNNING: 1,
    PowerState.PAUSED: 3,
    PowerState.SHUTDOWN: 4,
    PowerState.CRASHED: 6,
    PowerState.SUSPENDED: 7,
}
"""Nova's numbers of power states."""

BUSY: Mapping[str, str] = {
    "rebooting": "REBOOT",
    "rebooting_hard": "HARD_REBOOT",
    "rebuilding": "REBUILD",
    "resize_prep": "RESIZE",
    "migrating": "MIGRATING",
}
"""Tasks that show in the status; others leave it as the vm_state says."""

PROGRESSING = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
"""Statuses with which a progress is shown."""

NOBODY = Particulars()
_NO_IMAGE = ""
_STATUS = {vm._value_: status for vm, status in STATUS_OF_VM_STATE.items()}
_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]+")
_NS = 1_000_000_000


def status_of(server: Server) -> str:
    """Return Nova's status: what the vm_state says, unless a task is under way."""
    task = server.task_state
    if task is not None and task in BUSY:
        return BUSY[task]
    return _STATUS[server.vm_state._value_]


def seconds(at_ns: int) -> str:
    """Return a time as servers show theirs: to the second, with Z."""
    return f"{datetime.fromtimestamp(at_ns // _NS, UTC):%Y-%m-%dT%H:%M:%SZ}"


def created_ns(server: Server) -> int:
    """Return when a server was made."""
    return server.about.created_ns if server.about is not None else 0


def updated_ns(server: Server) -> int:
    """Return when a server last changed."""
    return server.updated_ns or created_ns(server)


def host_id(project: str, host: str) -> str:
    """Return what an owner sees in the place of a host's name; empty where there is none."""
    return hashlib.sha224(f"{project}{host}".encode()).hexdigest() if host else ""


def links(base: str, kind: str, name: str) -> list[dict[str, str]]:
    """Return the two links that every thing of Nova has."""
    return [
        {"rel": "self", "href": f"{base}/v2.1/{kind}/{name}"},
        {"rel": "bookmark", "href": f"{base}/{kind}/{name}"},
    ]


class ServerView:
    """Shows servers to one caller in one version; what many of them share is made once."""

    def __init__(self, ask: Ask) -> None:
        """Find out what the caller may see: the same for all servers of an answer."""
        self._ask = ask
        self._base = ask.base
        self._minor = ask.version.minor
        own = ask.caller.project
        self._attributes = ask.allowed(ATTRIBUTES, own)
        self._all_statuses = self._minor >= 16 and ask.allowed(HOST_STATUS, own)
        self._unknown_only = self._minor >= 16 and ask.allowed(UNKNOWN_ONLY, own)
        self._ports_of = ask.ports.inventory.ports_of
        self._hosts: dict[HostName, tuple[str, HostStatus]] = {}
        self._times: dict[int, str] = {}

    def brief(self, server: Server) -> dict[str, Any]:
        """Return what a list without details has."""
        return {
            "id": server.id,
            "name": server.name,
            "links": links(self._base, "servers", server.id),
        }

    def listed(self, server: Server) -> dict[str, Any]:
        """Return a server in a list with details."""
        return {**self._own(server), **self._shape(server)}

    def page(self, servers: Iterable[Server]) -> list[bytes]:
        """Return the JSON of a list of `listed` servers, in pieces to be joined.

        Servers in one state on one host differ in what is their own; the rest is encoded once.
        Each copy of a page of a megabyte takes as long as a tenth of all the encoding.
        """
        shapes: dict[tuple[object, ...], bytes] = {}
        parts = [b"["]
        for server in servers:
            key = (
                server.project,
                server.host,
                server.vm_state,
                server.power_state,
                server.task_state,
                id(server.about),
            )
            shape = shapes.get(key)
            if shape is None:
                text = orjson.dumps(self._shape(server))
                shape = shapes[key] = b"," + text[1:] + b","
            parts += (orjson.dumps(self._own(server))[:-1], shape)
        parts[-1] = parts[-1].removesuffix(b",") + b"]"
        return parts

    def _own(self, server: Server) -> dict[str, Any]:
        """Return what no two servers share."""
        name, base = server.id, self._base
        updated = server.updated_ns or created_ns(server)
        own: dict[str, Any] = {
            "id": name,
            "name": server.name,
            "metadata": dict(server.metadata) if server.metadata else {},
            "updated": self._times.get(updated) or self._time(updated),
            "addresses": self._addresses(server),
            "links": [
                {"rel": "self", "href": f"{base}/v2.1/servers/{name}"},
                {"rel": "bookmark", "href": f"{base}/servers/{name}"},
            ],
        }
        if self._attributes:
            own["OS-EXT-SRV-ATTR:instance_name"] = f"instance-{name[:8]}"
            if self._minor >= 3:
                own["OS-EXT-SRV-ATTR:hostname"] = hostname(server)
                own["OS-EXT-SRV-ATTR:reservation_id"] = f"r-{name[-8:]}"
        elif self._minor >= 90:
            own["OS-EXT-SRV-ATTR:hostname"] = hostname(server)
        return own

    def _shape(self, server: Server) -> dict[str, Any]:
        """Return what a server has in common with others of its project, host and state."""
        project, host, status = server.project, server.host, status_of(server)
        zone, host_status = self._hosts.get(host) or self._host(host)
        shape: dict[str, Any] = {
            "status": status,
            "tenant_id": project,
            "hostId": host_id(project, host),
            "OS-EXT-AZ:availability_zone": zone,
            "OS-EXT-STS:task_state": server.task_state,
            "OS-EXT-STS:vm_state": server.vm_state._value_,
            "OS-EXT-STS:power_state": POWER[server.power_state],
            **self._about(server.about or NOBODY),
        }
        if status in PROGRESSING:
            shape["progress"] = 0
        if self._attributes:
            self._add_attributes(shape, server)
        if self._all_statuses or (self._unknown_only and host_status is HostStatus.UNKNOWN):
            shape["host_status"] = host_status._value_
        return shape

    def one(self, server: Server) -> dict[str, Any]:
        """Return a server that was asked for by its id."""
        shown = self.listed(server)
        if self._minor >= 71:
            shown["server_groups"] = []
        return shown

    def edited(self, server: Server) -> dict[str, Any]:
        """Return a server after a PUT: all of it from 2.75 on, without extensions before."""
        if self._minor >= 75:
            return self.one(server)
        shown = self.listed(server)
        return {
            key: value
            for key, value in shown.items()
            if not key.startswith(_EXTENSIONS) and key not in _EXTENDED
        }

    def _host(self, host: HostName) -> tuple[str, HostStatus]:
        found = self._ask.ports.inventory.host(host)
        zone = (found.zone or DEFAULT_ZONE) if found else ""
        self._hosts[host] = made = (zone, self._ask.ports.host_status(found))
        return made

    def _time(self, at_ns: int) -> str:
        text = self._times.get(at_ns)
        if text is None:
            text = self._times[at_ns] = seconds(at_ns)
        return text

    def _about(self, about: Particulars) -> dict[str, Any]:
        """Return what follows from the particulars."""
        minor, created = self._minor, self._time(about.created_ns)
        shown: dict[str, Any] = {
            "user_id": about.user,
            "image": self._image(about.image),
            "flavor": self._flavor(about.flavor),
            "created": created,
            "accessIPv4": "",
            "accessIPv6": "",
            "OS-DCF:diskConfig": "MANUAL",
            "config_drive": "",
            "key_name": about.key_name,
            "OS-SRV-USG:launched_at": f"{created[:-1]}.000000",
            "OS-SRV-USG:terminated_at": None,
            "security_groups": [{"name": "default"}],
            "os-extended-volumes:volumes_attached": [],
        }
        later: tuple[tuple[int, str, Any], ...] = (
            (9, "locked", about.locked),
            (19, "description", about.description),
            (26, "tags", []),
            (63, "trusted_image_certificates", None),
            (73, "locked_reason", about.locked_reason),
            (96, "pinned_availability_zone", None),
        )
        return shown | {key: value for since, key, value in later if minor >= since}

    def _image(self, image: str) -> Any:
        if not image:
            return _NO_IMAGE
        link = {"rel": "bookmark", "href": f"{self._base}/images/{image}"}
        return {"id": image, "links": [link]}

    def _flavor(self, name: str) -> dict[str, Any]:
        flavor = offers.flavor(name)
        if self._minor < 47:
            link = {"rel": "bookmark", "href": f"{self._base}/flavors/{flavor.id}"}
            return {"id": flavor.id, "links": [link]}
        return {
            "vcpus": flavor.vcpus,
            "ram": flavor.ram,
            "disk": flavor.disk,
            "ephemeral": 0,
            "swap": 0,
            "original_name": flavor.name,
            "extra_specs": {},
        }

    def _addresses(self, server: Server) -> dict[str, list[dict[str, Any]]]:
        ports = self._ports_of(server.id)
        if not ports and not server.addresses:
            return {}
        found: dict[str, list[dict[str, Any]]] = {}
        seen: set[str] = set()
        for port in ports:
            for address in port.addresses:
                seen.add(address)
                found.setdefault(port.network or NETWORK, []).append(_address(address, port))
        for address in server.addresses:
            if address not in seen:
                found.setdefault(NETWORK, []).append(_address(address, None))
        return found

    def _add_attributes(self, shape: dict[str, Any], server: Server) -> None:
        host = server.host or None
        shape["OS-EXT-SRV-ATTR:host"] = host
        shape["OS-EXT-SRV-ATTR:hypervisor_hostname"] = host
        if self._minor >= 3:
            shape["OS-EXT-SRV-ATTR:launch_index"] = 0
            shape["OS-EXT-SRV-ATTR:kernel_id"] = ""
            shape["OS-EXT-SRV-ATTR:ramdisk_id"] = ""
            shape["OS-EXT-SRV-ATTR:root_device_name"] = "/dev/vda"
            shape["OS-EXT-SRV-ATTR:user_data"] = None


_EXTENSIONS = ("OS-EXT-", "OS-SRV-USG:", "os-extended-volumes:")
_EXTENDED = frozenset({"host_status", "config_drive", "key_name", "security_groups"})
"""What an answer to a PUT does not have below 2.75."""


def hostname(server: Server) -> str:
    """Return the host name that a server would be given by its name."""
    name = server.name
    if not _HOSTNAME.match(name):
        name = _NOT_IN_NAMES.sub("-", name.lower()).strip("-.")
    return name[:63] or f"server-{server.id}"


def _address(address: str, port: Port | None) -> dict[str, Any]:
    return {
        "version": 6 if ":" in address else 4,
        "addr": address,
        "OS-EXT-IPS:type": "fixed",
        "OS-EXT-IPS-MAC:mac_addr": mac_of(port.id if port else address),
    }


def mac_of(name: str) -> str:
    """Return a hardware address that is always the same for a name: local and unicast."""
    digest = hashlib.blake2b(name.encode(), digest_size=3).hexdigest()
    return f"fa:16:3e:{digest[:2]}:{digest[2:4]}:{digest[4:]}"
