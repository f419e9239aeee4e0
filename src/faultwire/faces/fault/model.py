"""The inventory document's model, from which its published JSON schema is made (interfaces.md)."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must be an IP address") from None
    return text


_IP: dict[str, Any] = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
HostText = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
Address = Annotated[str, Field(max_length=45, json_schema_extra=_IP), AfterValidator(_address)]
Addresses = Annotated[list[Address], FailFast()]
Names = Annotated[list[Name], FailFast()]
Metadata = Annotated[dict[Name, Text], Field(max_length=128)]
Status = Literal[
    "ACTIVE",
    "BUILD",
    "PAUSED",
    "SUSPENDED",
    "SHUTOFF",
    "RESCUE",
    "VERIFY_RESIZE",
    "SOFT_DELETED",
    "DELETED",
    "ERROR",
    "SHELVED",
    "SHELVED_OFFLOADED",
]
PortStatus = Literal["ACTIVE", "DOWN", "BUILD", "ERROR", "N/A"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ProjectModel(_Strict):
    """A project of the identity face."""

    id: Id
    name: Name


class InterfaceModel(_Strict):
    """A network interface of a host."""

    name: Name
    bond: Text | None = None
    physical_network: Text | None = None
    switch: Text | None = None
    switch_port: Text | None = None


class BmcModel(_Strict):
    """A management controller; a password that is left out stays as it is."""

    url: Annotated[str, Field(max_length=1024, pattern=r"^https?://[^\x00-\x20]+$")]
    username: Text
    password: Text = ""
    system: Text | None = None


class HostModel(_Strict):
    """A compute host."""

    name: HostText
    addresses: Addresses = []
    zone: Text | None = None
    rack: Text | None = None
    aggregates: Names = []
    bmc: BmcModel | None = None
    interfaces: Annotated[list[InterfaceModel], FailFast()] = []


class UplinkModel(_Strict):
    """An uplink of a switch."""

    switch: Name
    port: Name


class SwitchModel(_Strict):
    """A switch of the data plane."""

    name: Name
    uplinks: Annotated[list[UplinkModel], FailFast()] = []


class ServerModel(_Strict):
    """A virtual server; without a status it keeps the one it has, a new one is ACTIVE."""

    id: Id
    name: Name
    project: Name
    host: Text | None
    status: Status | None = None
    monitored: bool | None = None
    metadata: Metadata = {}
    addresses: Addresses = []


class PortModel(_Strict):
    """A network port."""

    id: Id
    name: Text = ""
    project: Name
    server: Id | None = None
    host: Text | None = None
    network: Text | None = None
    physical_network: Text | None = None
    status: PortStatus = "ACTIVE"
    addresses: Addresses = []


class GuestModel(_Strict):
    """A database guest."""

    id: Id
    name: Name
    project: Name
    server: Id | None = None


class DocumentModel(_Strict):
    """The whole document; every part may be left out."""

    projects: Annotated[list[ProjectModel], FailFast()] = []
    hosts: Annotated[list[HostModel], FailFast()] = []
    switches: Annotated[list[SwitchModel], FailFast()] = []
    servers: Annotated[list[ServerModel], FailFast()] = []
    ports: Annotated[list[PortModel], FailFast()] = []
    guests: Annotated[list[GuestModel], FailFast()] = []
