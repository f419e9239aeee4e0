"""`faultwire status` and `faultwire audit-list`: what the operator looks at first."""

import http.client
import os
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from faultwire.cli.output import api_command, print_json, print_rows
from faultwire.cli.output import to_the_second as _time
from faultwire.client import ClientError, Session

WELL, UNWELL, UNKNOWN = 0, 1, 2
"""Exit statuses: all is well; something is not; nobody could be asked."""

HEALTH_SECONDS = 5.0
HEALTH_URL = "FAULTWIRE_HEALTHCHECK_URL"
HERE = "http://127.0.0.1:8779"
_HIDDEN_MS = 5000
"""Silence of a process that is worth a word."""

AUDIT_COLUMNS = (
    ("at", "At"),
    ("who", "Who"),
    ("source", "From"),
    ("action", "Action"),
    ("target", "Target"),
    ("detail", "Detail"),
)


@click.command()
@click.option(
    "--healthcheck",
    "url",
    metavar="URL",
    is_flag=False,
    flag_value="",
    help="Ask only the process at this URL for /healthcheck, without a token; without a URL that"
    " of FAULTWIRE_HEALTHCHECK_URL, or the one on this machine.",
)
@click.option(
    "--cacert",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates to trust with --healthcheck, instead of the system's.",
)
@click.pass_context
@api_command
def status(
    context: click.Context,
    *,
    session: Session,
    url: str | None,
    cacert: Path | None,
    as_json: bool,
) -> None:
    """Tell how the installation is: processes, database, faults, agents, deliveries.

    Exit status 0: all is well. 1: something is not, and the first lines say what. 2: nobody
    could be asked.
    """
    if url is not None:
        context.exit(_healthcheck(url or os.environ.get(HEALTH_URL, "") or HERE, cacert))
    try:
        found: Mapping[str, Any] = session.get("fault", "/v1/status")["status"]
    except ClientError as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(UNWELL if error.status == 503 else UNKNOWN)
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            click.echo(line)
    context.exit(WELL if found["well"] else UNWELL)


def _healthcheck(url: str, cacert: Path | None) -> int:
    """Ask a process how it is; print its own word."""
    connection: http.client.HTTPConnection
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise click.BadParameter("must be http://HOST:PORT or https://HOST:PORT")
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=str(cacert) if cacert else None)
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=HEALTH_SECONDS, context=trusted
            )
        else:
            connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=HEALTH_SECONDS
            )
        connection.request("GET", f"{parts.path.rstrip('/')}/healthcheck")
        answer = connection.getresponse()
        word = answer.read(4096).decode(errors="replace").strip()
    except (OSError, ValueError, http.client.HTTPException) as error:
        click.echo(f"Error: {url}: {error}", err=True)
        return UNKNOWN
    click.echo(word)
    return WELL if answer.status == 200 else UNWELL


def _bus(bus: Mapping[str, Any] | None) -> list[str]:
    if bus is None:
        return []
    words = {True: "publishes", False: "does not publish", None: "nothing was published yet"}
    return [f"bus         {words[bus['up']]}"]


def _map(cloud: Mapping[str, Any]) -> str:
    why = f" ({cloud['trouble']})" if cloud["trouble"] else ""
    return f"map         {cloud['name']}: {cloud['followed']}{why}"


def _lines(found: Mapping[str, Any]) -> list[str]:
    """Return the status as a person reads it at night: the verdict first."""
    faults, agents, owed = found["faults"], found["agents"], found["deliveries"]
    loop, database = found["loop"], found["database"]
    verdict = "well" if found["well"] else "NOT WELL"
    answer = database["answer_ms"]
    spoken = "does not answer" if answer is None else f"answers in {answer} ms"
    oldest = f", the oldest since {_time(owed['oldest_at'])}" if owed["oldest_at"] else ""
    lost = f"{agents['lost']} lost, {agents['gone']} gone, {agents['never']} never came"
    suspended = "put off" if loop["verdicts_suspended"] else "given"
    lines = [f"{verdict}  faultwire {found['version']} at {_time(found['at'])}"]
    lines += [f"  ! {trouble}" for trouble in found["troubles"]]
    lines += ["processes"]
    lines += [f"  {_process(one)}" for one in found["processes"]]
    backlog = f"{_number(owed['pending'])} pending{oldest}"
    died = f"{_number(owed['dead_last_hour'])} died in the last hour"
    late = f"p99 {loop['late_p99_ms']} ms late, worst {loop['late_worst_ms']} ms"
    lines += [
        f"database    {database['kind']}, {spoken}",
        f"faults      {faults['open']} open, {faults['unmatched']} unmatched",
        f"agents      {agents['connected']} connected, {lost}",
        f"monitors    {_monitors(found)}",
        f"deliveries  {backlog}",
        f"            {died}",
        *_bus(found.get("bus")),
        *map(_map, found.get("clouds", ())),
        f"loop        {late}, in the last minute",
        f"lane        {loop['queue']} changes wait",
        f"periodic    {_rounds(found)}",
        f"verdicts    {suspended}",
        f"acts        {_acts(found['acts'])}",
    ]
    return lines


def _monitors(found: Mapping[str, Any]) -> str:
    """Return the monitors that vote besides the servers, by how they stand."""
    rows = found.get("monitors", [])
    if not rows:
        return "none besides the servers"
    return ", ".join(f"{one['name']} {one['presence']}" for one in rows)


def _acts(acts: Mapping[str, Any]) -> str:
    windows = acts["windows_open"]
    more = f", {windows} windows open" if windows else ""
    if not acts["held"]:
        return f"done as guards let them{more}"
    why = f": {acts['reason']}" if acts["reason"] else ""
    return f"HELD by {acts['by']} since {_time(acts['since'])}{why}{more}"


def _process(process: Mapping[str, Any]) -> str:
    silent = process["silent_ms"]
    sign = f", silent for {silent / 1000:.1f} s" if silent >= _HIDDEN_MS else ""
    since = _time(process["started_at"])
    return f"{process['role']:<9}  {process['name']}  {process['address']}  since {since}{sign}"


def _rounds(found: Mapping[str, Any]) -> str:
    """Return how long ago the last rounds over periodic alarms ended."""
    now = datetime.fromisoformat(found["at"])
    ended = {key.removesuffix("_at"): at for key, at in found.get("periodic", {}).items()}
    if not any(ended.values()):
        return "no round yet, or evaluators make them: see their /metrics"
    return ", ".join(
        f"{kind} {_ago(now, at) if at else 'never'}" for kind, at in sorted(ended.items())
    )


def _ago(now: datetime, at: str) -> str:
    return f"{max(0, round((now - datetime.fromisoformat(at)).total_seconds()))} s ago"


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


@click.command()
@click.option("--action", help="One action, or a family: user stands for user.create and so on.")
@click.option("--user", metavar="ID", help="What this user or credential did.")
@click.option("--target", metavar="ID", help="What was done to this.")
@click.option("--since", metavar="TIME", help="Done then or later (ISO 8601).")
@click.option("--until", metavar="TIME", help="Done before then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--marker", metavar="LINE", help="Go on after the line of this id (see --json).")
@api_command
def audit_list(*, session: Session, as_json: bool, **filters: Any) -> None:
    """List who changed what, when and from where, newest first."""
    params = {key: value for key, value in filters.items() if value is not None}
    lines = session.get("fault", "/v1/audit", params)["audit"]
    shown = lines if as_json else [_line(line) for line in lines]
    print_rows(shown, AUDIT_COLUMNS, as_json=as_json, spare=("detail", "source"))


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {**line, "at": _time(line["at"]), "who": line["user_name"] or line["user"]}
