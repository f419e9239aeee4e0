"""Networks, subnets, and the documents of ports, as rows and back; as `inventory_rows` has it."""

from dataclasses import asdict, astuple
from typing import Any

from faultwire.domain.networks import (
    PLAIN,
    UNTOLD,
    DataPlane,
    Network,
    PortDetails,
    Reported,
    Subnet,
)
from faultwire.store.codec import text
from faultwire.store.statements import Row


def data_plane_document(told: DataPlane) -> str | None:
    """Return why a port has its status, as JSON; None where nothing was ever told."""
    if told == UNTOLD:
        return None
    before = told.before
    record: dict[str, Any] = {
        "reason": told.reason,
        "source": told.source,
        "since_ns": told.since_ns,
    }
    if before is not None:
        record["before"] = [before.status, before.reason, before.source, before.since_ns]
    return text(record)


def data_plane_of(record: dict[str, Any] | None) -> DataPlane:
    """Return what a document tells."""
    if record is None:
        return UNTOLD
    before = record.get("before")
    return DataPlane(
        record["reason"],
        record["source"],
        record["since_ns"],
        None if before is None else Reported(*before),
    )


_PLAIN = asdict(PLAIN)


def details_document(details: PortDetails) -> str | None:
    """Return what clients said of a port, as JSON, without what is as usual; None for nothing."""
    if details is PLAIN:
        return None
    said = {key: value for key, value in asdict(details).items() if value != _PLAIN[key]}
    return text(said) if said else None


def details_of(record: dict[str, Any] | None) -> PortDetails:
    """Return the details of a document."""
    return PLAIN if record is None else PortDetails(**record)


def network_row(network: Network) -> Row:
    """Return a row of networks."""
    return astuple(network)


def network_of(row: Row) -> Network:
    """Return the network of a row."""
    return Network(*row)


def subnet_row(subnet: Subnet) -> Row:
    """Return a row of subnets."""
    return astuple(subnet)


def subnet_of(row: Row) -> Subnet:
    """Return the subnet of a row."""
    return Subnet(*row)
