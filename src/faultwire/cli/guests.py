"""Guests and tasks on the command line, as an operator asks for them."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from faultwire.cli import output
from faultwire.cli.ranges import Finite
from faultwire.client import ClientError, Session

AT_ONCE = 8
"""Requests of one `rpc-ping` under way: each is one part of the guests, all wait together."""
WATCH_SECONDS = 0.5

LISTED = (
    ("id", "ID"),
    ("name", "Name"),
    ("project", "Project"),
    ("host", "Host"),
    ("state", "State"),
    ("agent_state", "Agent"),
    ("rpc_version", "RPC"),
    ("service_status", "Database"),
    ("heard", "Last Heard"),
)
PINGED = (
    ("id", "ID"),
    ("verdict", "Verdict"),
    ("waited_ms", "Waited (ms)"),
    ("heard_at", "Last Heard"),
    ("reason", "Reason"),
)
TASKS = (
    ("id", "ID"),
    ("kind", "Kind"),
    ("target", "Target"),
    ("state", "State"),
    ("percent", "%"),
    ("detail", "Detail"),
)


@click.command("guest-enroll")
@click.argument("guest", metavar="ID")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the credential here, readable by its owner alone.",
)
@output.api_command
def guest_enroll(session: Session, guest: str, out: Path, *, as_json: bool) -> None:
    """Write a credential for the agent of guest ID; a former one is void from then on."""
    from faultwire.agent import credential

    if not out.parent.is_dir():
        raise click.BadParameter(f"{out.parent} is no folder", param_hint="--out")
    path = f"/v1/agents/guests/{quote(guest, safe='')}/enrol"
    drawn = session.request("POST", "fault", path)["credential"]
    bound = credential.BoundCredential(
        kind=drawn["kind"],
        name=drawn["name"],
        id=drawn["id"],
        secret=drawn["secret"],
        server=session.endpoint("fault"),
        certificate=drawn["certificate"],
    )
    try:
        credential.write(out, bound)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; enrol again") from None
    shown = {"kind": bound.kind, "name": bound.name, "id": bound.id, "file": str(out)}
    if as_json:
        output.print_json(shown)
    else:
        click.echo(f"credential {bound.id} of guest {bound.name} written to {out}")


@click.command("guest-list")
@click.option("--down", is_flag=True, help="Only guests that are down.")
@output.api_command
def guest_list(session: Session, *, down: bool, as_json: bool) -> None:
    """List database guests: up or down, and when their agents were last heard."""
    guests = session.get("fault", "/v1/guests")["guests"]
    wanted = [guest for guest in guests if not down or guest["state"] == "down"]
    if as_json:
        output.print_json(wanted)
        return
    rows = [guest | _agent(guest["agent"]) for guest in wanted]
    spare = ("project", "host", "rpc_version", "service_status", "name")
    output.print_rows(rows, LISTED, as_json=False, spare=spare)


@click.command("guest-show")
@click.argument("guest", metavar="ID")
@output.api_command
def guest_show(session: Session, guest: str, *, as_json: bool) -> None:
    """Show a database guest, and what its agent last said of itself."""
    found = session.get("fault", f"/v1/guests/{quote(guest, safe='')}")["guest"]
    agent = found.pop("agent")
    fields = found | {f"agent_{key}": value for key, value in agent.items()}
    output.print_fields(fields, as_json=as_json)


@click.command("guest-diagnostics")
@click.argument("guest", metavar="ID")
@output.api_command
def guest_diagnostics(session: Session, guest: str, *, as_json: bool) -> None:
    """Ask the agent of guest ID for figures of itself and its machine."""
    path = f"/v1/guests/{quote(guest, safe='')}/diagnostics"
    found = session.get("fault", path)["diagnostics"]
    flat = {f"{part}.{key}": value for part, some in found.items() for key, value in some.items()}
    output.print_fields(found if as_json else flat, as_json=as_json)


@click.command("guest-restart")
@click.argument("guest", metavar="ID")
@click.option("--wait", is_flag=True, help="Stay until it is done; exit status 1 if it failed.")
@output.api_command
def guest_restart(session: Session, guest: str, *, wait: bool, as_json: bool) -> None:
    """Restart the database of guest ID by its agent."""
    path = f"/v1/guests/{quote(guest, safe='')}/restart"
    _begun(session, session.request("POST", "fault", path)["task"], wait=wait, as_json=as_json)


@click.command("host-evacuate")
@click.argument("host")
@click.option("--target", "targets", multiple=True, metavar="HOST", help="Servers may go here.")
@click.option("--no-fence", is_flag=True, help="I know that the host is off: ask for no proof.")
@click.option("--wait", is_flag=True, help="Stay until it is done; exit status 1 if it failed.")
@output.api_command
def host_evacuate(
    session: Session,
    host: str,
    targets: tuple[str, ...],
    *,
    no_fence: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Bring all servers of dead HOST up elsewhere, as a task."""
    path = f"/v1/hosts/{quote(host, safe='')}/evacuate"
    body = {"targets": list(targets), **({"no_fence": True} if no_fence else {})}
    answer = session.request("POST", "fault", path, body=body)
    _begun(session, answer["task"], wait=wait, as_json=as_json)


@click.command("task-list")
@output.api_command
def task_list(session: Session, *, as_json: bool) -> None:
    """List tasks, newest first."""
    found = session.get("fault", "/v1/tasks")["tasks"]
    output.print_rows(found, TASKS, as_json=as_json, spare=("detail",))


@click.command("task-show")
@click.argument("task", metavar="ID")
@click.option("--watch", is_flag=True, help="Stay until it is over; exit status 1 if it failed.")
@output.api_command
def task_show(session: Session, task: str, *, watch: bool, as_json: bool) -> None:
    """Show how far task ID is."""
    found = session.get("fault", f"/v1/tasks/{quote(task, safe='')}")["task"]
    if watch:
        found = _watched(session, found, as_json=as_json)
    output.print_fields(found, as_json=as_json)
    if watch and found["state"] != "done":
        raise SystemExit(1)


@click.command("rpc-ping")
@click.argument("guests", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All guests of the inventory.")
@click.option(
    "--deadline",
    type=Finite(min=0.001, max=600),
    help="Seconds that all of them have together; the server's own by default.",
)
@output.api_command
def rpc_ping(
    session: Session,
    guests: tuple[str, ...],
    *,
    every: bool,
    deadline: float | None,
    as_json: bool,
) -> None:
    """Find out which database guests take calls; exit status 1 unless all of them do."""
    if every == bool(guests):
        raise click.UsageError("name guests, or give --all")
    if every:
        wanted = [guest["id"] for guest in session.get("fault", "/v1/guests")["guests"]]
    else:
        wanted = list(dict.fromkeys(guests))
    rows = list(_pinged(session, wanted, deadline, as_json=as_json))
    rows.sort(key=lambda row: wanted.index(row["id"]))
    counts = Counter(row["verdict"] for row in rows)
    bad = [row for row in rows if row["verdict"] != "ok"]
    if as_json:
        output.print_json(rows)
    else:
        shown = rows if len(rows) <= len(guests) else bad
        if shown:
            output.print_rows(shown, PINGED, as_json=False, spare=("reason", "heard_at"))
        click.echo(f"{len(rows)} guests: " + ", ".join(f"{n} {v}" for v, n in counts.items()))
    if bad:
        raise SystemExit(1)


def _pinged(
    session: Session, wanted: Sequence[str], deadline: float | None, *, as_json: bool
) -> Iterator[dict[str, Any]]:
    """Ping in parts that wait together, with a bar that grows as they answer."""
    from rich.console import Console
    from rich.progress import Progress

    size = max(1, math.ceil(len(wanted) / AT_ONCE))
    parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    body = {} if deadline is None else {"deadline_ms": max(1, round(deadline * 1000))}

    def ping(part: Sequence[str]) -> list[dict[str, Any]]:
        asked = body | {"instances": list(part)}
        path = "/mgmt/instances/rpc_ping"
        answer = session.request("POST", "database", path, body=asked)
        found: list[dict[str, Any]] = answer["rpc_ping"]["instances"]
        return found

    # Known before threads ask for it.
    session.endpoint("database")
    screen = Console(stderr=True)
    with (
        Progress(console=screen, transient=True, disable=as_json or not wanted) as bar,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        shown = bar.add_task("pinging guests", total=len(wanted))
        for done in as_completed([threads.submit(ping, part) for part in parts]):
            rows = done.result()
            bar.advance(shown, len(rows))
            yield from rows


def _agent(agent: Mapping[str, Any]) -> dict[str, Any]:
    age = agent["heard_age_seconds"]
    return {
        "agent_state": agent["state"],
        "rpc_version": agent["rpc_version"],
        "service_status": agent["service_status"],
        "heard": None if age is None else f"{age:.1f} s ago",
    }


def _begun(session: Session, task: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    if wait:
        task = _watched(session, task, as_json=as_json)
    output.print_fields(task, as_json=as_json)
    if wait and task["state"] != "done":
        raise SystemExit(1)


def _watched(session: Session, task: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Return a task once it is over, with a bar until then."""
    from rich.console import Console
    from rich.progress import Progress

    path = f"/v1/tasks/{task['id']}"
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as bar:
        shown = bar.add_task(f"{task['kind']} {task['target']}", total=100)
        while task["state"] in {"queued", "running"}:
            time.sleep(WATCH_SECONDS)  # noqa: TID251  (a person waits)
            try:
                task = session.get("fault", path)["task"]
            except ClientError as error:
                if error.status not in {None, 503}:
                    raise
            bar.update(shown, completed=task["percent"])
    return task
