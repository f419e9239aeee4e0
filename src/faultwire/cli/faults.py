"""Faults and hosts on the command line."""

from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import (
    api_command,
    print_fields,
    print_json,
    print_rows,
    to_the_second,
)
from faultwire.client import Session
from faultwire.domain.instants import rfc3339
from faultwire.telemetry.clock import SystemClock

FAULT_COLUMNS = (
    ("id", "ID"),
    ("type", "Type"),
    ("severity", "Severity"),
    ("state", "State"),
    ("host", "Host"),
    ("opened_at", "Opened"),
    ("repeats", "Repeats"),
)
HOST_COLUMNS = (
    ("name", "Host"),
    ("state", "State"),
    ("status", "Status"),
    ("host_status", "Host Status"),
    ("forced_down", "Forced Down"),
    ("agent", "Agent"),
    ("servers_count", "Servers"),
)
EVIDENCE_COLUMNS = (
    ("received_at", "Received"),
    ("source", "Source"),
    ("reporter", "Reporter"),
    ("vote", "Vote"),
    ("details", "Details"),
)
CATALOGUE_COLUMNS = (
    ("type", "Type"),
    ("severity", "Severity"),
    ("identified_by", "Identified By"),
    ("clear", "Cleared By"),
    ("title", "What"),
)
CLOUD_COLUMNS = (
    ("act", "Act"),
    ("owed", "Owed"),
    ("done", "Done"),
    ("refused", "Refused"),
    ("void", "Void"),
    ("last_error", "Last Error"),
)
DECISION_COLUMNS = (("name", "Asked"), ("outcome", "Outcome"), ("why", "Why"))


@click.command()
@click.option("--host", help="Faults of this host only.")
@click.option("--state", type=click.Choice(["open", "unmatched", "closed"]))
@click.option("--since", metavar="TIME", help="Opened then or later (ISO 8601).")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many at most.",
)
@click.option("--marker", metavar="FAULT", help="Go on after this fault, the last one shown.")
@api_command
def fault_list(*, session: Session, as_json: bool, **filters: Any) -> None:
    """List faults, newest first."""
    params = {key: value for key, value in filters.items() if value is not None}
    answer = session.get("fault", "/v1/faults", params)
    faults = answer["faults"]
    if not as_json:
        faults = [{**fault, "opened_at": to_the_second(fault["opened_at"])} for fault in faults]
    print_rows(faults, FAULT_COLUMNS, as_json=as_json, spare=("repeats", "severity", "opened_at"))


@click.command()
@click.argument("fault")
@api_command
def fault_show(*, fault: str, session: Session, as_json: bool) -> None:
    """Show FAULT with its evidence, plan, decisions and timeline."""
    whole: dict[str, Any] = session.get("fault", _path(fault))["fault"]
    if as_json:
        print_json(whole)
        return
    nested = {"evidence", "decisions", "cloud", "timeline"}
    print_fields({k: v for k, v in whole.items() if k not in nested}, as_json=False)
    print_rows(whole["evidence"], EVIDENCE_COLUMNS, as_json=False, title="Evidence")
    print_rows(whole["decisions"], DECISION_COLUMNS, as_json=False, title="Decisions")
    # A server of an earlier release says nothing of clouds.
    if whole.get("cloud"):
        print_rows(whole["cloud"], CLOUD_COLUMNS, as_json=False, title="Asked of the cloud")
    from rich.console import Console

    from faultwire_profiler import marks_from_json, profile
    from faultwire_profiler.report import render

    render(profile(marks_from_json(whole["timeline"]["marks"])), Console(highlight=False))


@click.command()
@click.argument("fault")
@api_command
def fault_close(*, fault: str, session: Session, as_json: bool) -> None:
    """Close FAULT: what it holds is let go, as by a posted clear."""
    answer = session.request("POST", "fault", f"{_path(fault)}/close")
    print_fields(answer["fault"], as_json=as_json)


@click.command()
@click.argument("kind", metavar="TYPE")
@click.argument("details", nargs=-1, metavar="KEY=VALUE...")
@api_command
def fault_report(*, kind: str, details: tuple[str, ...], session: Session, as_json: bool) -> None:
    """Post an event of TYPE, for example: compute.host.down hostname=compute-1."""
    pairs = [detail.partition("=") for detail in details]
    if not all(key and sign for key, sign, _ in pairs):
        raise click.UsageError("details are KEY=VALUE, for example hostname=compute-1")
    event = {
        "time": rfc3339(SystemClock().wall_ns()),
        "type": kind,
        "details": {key: value for key, _, value in pairs},
    }
    answer = session.request("POST", "fault", "/v1/events", body=[event])
    print_rows(answer["faults"], (("id", "Fault"), ("state", "State")), as_json=as_json)


@click.command()
@api_command
def fault_catalogue(*, session: Session, as_json: bool) -> None:
    """List every type of fault: how bad it is, what names its resource, what clears it."""
    listed = session.get("fault", "/v1/catalogue")["catalogue"]
    if not as_json:
        for row in listed:
            row["identified_by"] = " or ".join("+".join(keys) for keys in row["identifying"])
    print_rows(listed, CATALOGUE_COLUMNS, as_json=as_json, spare=("title", "clear"))


@click.command()
@api_command
def host_list(*, session: Session, as_json: bool) -> None:
    """List hosts with the state of their service."""
    answer = session.get("fault", "/v1/hosts")
    spare = ("status", "servers_count", "forced_down")
    print_rows(answer["hosts"], HOST_COLUMNS, as_json=as_json, spare=spare)


def _path(fault: str) -> str:
    return f"/v1/faults/{quote(fault, safe='')}"
