"""Faults and hosts as this face writes them."""

from collections.abc import Iterable
from typing import Any

from faultwire.domain.faults import Evidence, Fault
from faultwire.domain.instants import rfc3339
from faultwire.domain.remote_acts import RemoteProgress
from faultwire.domain.resources import HostEntry, Server
from faultwire.domain.states import STATUS_OF_VM_STATE, HostStatus


def _time(wall_ns: int | None) -> str | None:
    return None if wall_ns is None else rfc3339(wall_ns)


def fault_row(fault: Fault) -> dict[str, Any]:
    """Return a fault as a row of a list."""
    return {
        "id": fault.id,
        "type": fault.type.name,
        "severity": fault.type.severity.value,
        "state": fault.state.value,
        "resource": dict(fault.resource),
        "host": fault.host,
        "opened_at": _time(fault.opened_ns),
        "updated_at": _time(fault.updated_ns),
        "closed_at": _time(fault.closed_ns),
        "closed_by": fault.closed_by,
        "repeats": fault.repeats,
        "rule": fault.plan.rule if fault.plan else None,
    }


def fault_whole(
    fault: Fault, timeline: dict[str, Any], remote: Iterable[RemoteProgress]
) -> dict[str, Any]:
    """Return a fault with evidence, plan, decision record, what clouds do, and timeline."""
    return {
        **fault_record(fault),
        "cloud": [
            {
                "act": one.kind.value,
                "owed": one.owed,
                "done": one.done,
                "refused": one.failed,
                "void": one.void,
                "last_error": one.error or None,
            }
            for one in remote
        ],
        "timeline": timeline,
    }


def fault_record(fault: Fault) -> dict[str, Any]:
    """Return a fault with its evidence, plan and decision record."""
    plan = fault.plan
    return {
        **fault_row(fault),
        "evidence": [_evidence(one) for one in fault.evidence],
        "plan": plan
        and {
            "rule": plan.rule,
            "host": plan.host,
            "forced_down": plan.forced_down,
            "servers": plan.servers,
            "changed": plan.changed,
            "untouched": list(plan.untouched),
            "ports": plan.ports,
            "degraded": list(plan.degraded),
        },
        "decisions": [
            {"name": d.name, "outcome": d.outcome.value, "why": d.why} for d in fault.decisions
        ],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "source": evidence.source,
        "reporter": evidence.reporter,
        "vote": evidence.vote,
        "received_at": _time(evidence.received_ns),
        "reported_time": evidence.reported_time,
        "details": dict(evidence.details),
    }


def host_row(entry: HostEntry) -> dict[str, Any]:
    """Return a host with the state of its service, as a row of a list."""
    host = entry.host
    down = host.status in {HostStatus.DOWN, HostStatus.UNKNOWN}
    return {
        "name": host.name,
        "state": "down" if down else "up",
        "status": "disabled" if host.disabled else "enabled",
        "host_status": host.status.value,
        "forced_down": host.forced_down,
        "agent": host.agent.value,
        "monitored": host.monitored,
        "servers_count": len(entry.servers),
    }


def servers(some: Iterable[Server]) -> list[dict[str, Any]]:
    """Return servers with their states, in the order given."""
    return [
        {
            "id": server.id,
            "name": server.name,
            "project": server.project,
            "status": STATUS_OF_VM_STATE[server.vm_state],
            "vm_state": server.vm_state.value,
            "power_state": server.power_state.value,
            "task_state": server.task_state,
        }
        for server in some
    ]
