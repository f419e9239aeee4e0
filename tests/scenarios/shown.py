"""How scenarios print the state of the product."""

from collections.abc import Callable, Iterator, Mapping

import orjson

from faultwire.domain.alarms import Alarm, Delivery
from faultwire.domain.causes import Cause
from faultwire.domain.faults import Fault
from faultwire.domain.ids import FaultId
from faultwire.domain.resources import Host, Server
from faultwire.inspector.wiring import WIRING
from faultwire.testing.chain import InProcess

Names = Mapping[FaultId, str]
State = dict[str, str]
"""What is compared before and after a directive: a thing's name to its state."""


def state(product: InProcess, names: Names, alarms: Mapping[str, str]) -> State:
    """Return everything that a directive can change, in words."""
    found: State = {}
    for host in product.indexes.inventory.hosts():
        found[f"host {host.name}"] = host_words(host)
    for server in product.indexes.inventory.servers():
        found[f"server {server.id}"] = server_words(server)
        found[f"server {server.id} is on"] = server.host or "no host"
    for port in product.indexes.inventory.ports():
        found[f"port {port.id}"] = port.data_plane_status or "-"
    for guest in product.indexes.inventory.guests():
        found[f"guest {guest.id}"] = f"{guest.state} {guest.agent.value}"
    for fault_id, name in names.items():
        found[f"fault {name}"] = product.fault(fault_id).state.value
    for name, alarm_id in alarms.items():
        alarm = product.indexes.alarms.get(alarm_id)  # type: ignore[arg-type]
        if alarm is not None:
            found[f"alarm {name}"] = alarm.state.value
    return found


def differences(before: State, after: State) -> Iterator[str]:
    """Return a line for everything that changed or is new; what appears by import is left out."""
    for key, value in after.items():
        old = before.get(key)
        if old == value:
            continue
        if old is not None:
            yield f"{key}: {old} -> {value}"
        elif key.startswith("fault "):
            yield f"{key}: {value}"
    for key in before:
        if key not in after and not key.endswith(" is on"):
            yield f"{key}: gone"


def host_words(host: Host) -> str:
    """Return a host's status, and whether it is forced down."""
    agent = "" if host.agent.value == "never" else f" agent {host.agent.value}"
    return f"{host.status.value}{' forced' if host.forced_down else ''}{agent}"


def server_words(server: Server) -> str:
    """Return a server's states."""
    return f"{server.vm_state.value}/{server.power_state.value}"


def owed(delivery: Delivery, alarms: Mapping[str, str]) -> str:
    """Return a delivery as one line."""
    body = orjson.loads(delivery.body)
    data = body["reason_data"]
    if data["type"] == "subscription":
        resource = data["resource"]
        return (
            f"told {body['alarm_name']} of {resource['kind']} {resource['id']}: "
            f"{data['severity']} ({body['previous']} -> {body['current']}, {body['severity']})"
        )
    name = next(name for name, alarm in alarms.items() if alarm == delivery.ordering)
    return f"owed {name} -> {delivery.url} ({body['previous']} -> {body['current']})"


def traits(delivery: Delivery) -> Iterator[str]:
    """Return what the receiver of a delivery is told of the event."""
    event = orjson.loads(delivery.body)["reason_data"]["event"]
    yield f"event {event['event_type']}"
    for name, _, value in event["traits"]:
        if name not in {"message_id", "fault_id", "correlation_id", "tenant_id", "resource_id"}:
            yield f"{name} = {value if value != '' else '-'}"


def cause(one: Cause, names: Names) -> str:
    """Return a cause as one line."""
    back = f"{one.prior}/{one.prior_power}" if one.prior_power else one.prior
    waits = ", waits for the agent" if one.awaiting_report else ""
    wants = one.wanted or "nothing"
    return (
        f"{one.kind.value} {one.resource}: {names[one.fault_id]} wants {wants}, "
        f"returns to {back or 'none'}{waits}"
    )


def alarm(one: Alarm) -> str:
    """Return an alarm as one line."""
    disabled = "" if one.enabled else ", disabled"
    return f"{one.name} of {one.project or 'administrators'}: {one.state.value}{disabled}"


def fault_line(fault: Fault, names: Names) -> str:
    """Return a fault as one line."""
    resource = " ".join(f"{key}={value}" for key, value in sorted(fault.resource.items()))
    repeats = f" repeats={fault.repeats}" if fault.repeats else ""
    return f"{names[fault.id]} {fault.type.name} {resource}: {fault.state.value}{repeats}"


def fault(one: Fault, names: Names, since: Callable[[int], str]) -> Iterator[str]:
    """Return a fault with its whole record."""
    yield fault_line(one, names)
    closed = f", closed {since(one.closed_ns)} by {_by(one, names)}" if one.closed_ns else ""
    yield f"host {one.host or '-'}, opened {since(one.opened_ns)}{closed}"
    votes = " ".join(f"{item.vote}@{since(item.received_ns)}" for item in one.evidence)
    yield f"evidence {len(one.evidence)}: {votes}"
    if one.plan is not None and one.type.name in WIRING:
        degraded = f", degraded {'; '.join(one.plan.degraded)}" if one.plan.degraded else ""
        yield f"plan {one.plan.rule}: ports {one.plan.ports}{degraded}"
    elif one.plan is not None:
        forced = {None: "-", True: "yes", False: "no"}[one.plan.forced_down]
        untouched = f", untouched {' '.join(one.plan.untouched)}" if one.plan.untouched else ""
        yield (
            f"plan {one.plan.rule}: forced {forced}, servers {one.plan.servers}, "
            f"changed {one.plan.changed}{untouched}"
        )
    for item in one.decisions:
        yield f"{item.name} {item.outcome.value}: {_named(item.why, names)}"


def _by(one: Fault, names: Names) -> str:
    return _named(one.closed_by or "-", names)


def _named(text: str, names: Names) -> str:
    for fault_id, name in names.items():
        text = text.replace(fault_id, name)
    return text
