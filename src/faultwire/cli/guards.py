"""What an operator says to the guards: hold, maintenance, silences, acts; and why they said no."""

import re
from typing import Any
from urllib.parse import quote

import click

from faultwire.cli.output import api_command, print_json, print_rows, to_the_second
from faultwire.client import Session
from faultwire.domain.guarding import MATCHES
from faultwire.domain.instants import rfc3339
from faultwire.telemetry.clock import SystemClock

COLUMNS = (
    ("id", "ID"),
    ("kind", "Kind"),
    ("state", "State"),
    ("from", "From"),
    ("to", "To"),
    ("about", "About"),
    ("reason", "Reason"),
)
SPARE = ("reason", "from", "kind")
_LENGTH = re.compile(r"(\d{1,6})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NS = 1_000_000_000


@click.command()
@click.option("--release", is_flag=True, help="Let acts go on.")
@click.option("--reason", default="", help="Why, for those who come after you.")
@api_command
def hold(*, session: Session, as_json: bool, release: bool, reason: str) -> None:
    """Hold all acts at once: nothing is forced down, fenced, evacuated or marked.

    Owners are told of faults all the while. What was refused meanwhile is not made up for when
    you release: see `faultwire act`.
    """
    body = {"held": not release, "reason": reason}
    found = session.request("PUT", "fault", "/v1/acts/hold", body=body)["hold"]
    if as_json:
        print_json(found)
    elif found["held"]:
        click.echo(f"All acts are held since {to_the_second(found['since'])}.")
    else:
        click.echo("Acts are done as guards let them.")


@click.command()
@click.argument("host", required=False)
@click.option("--from", "begins", metavar="TIME", help="When it begins (ISO 8601); now.")
@click.option("--to", "ends", metavar="TIME", help="When it ends.")
@click.option("--for", "length", metavar="TIME", help="How long: 90m, 2h, 1d.")
@click.option("--reason", default="", help="Why.")
@click.option("--delete", "gone", metavar="ID", help="End it before its time.")
@api_command
def maintenance(*, host: str | None, session: Session, as_json: bool, **given: Any) -> None:
    """Plan a maintenance of HOST; without HOST list what is planned.

    Meanwhile nothing is fenced, forced down or evacuated there; owners are told of what fails.
    """
    matches = {"host": host} if host else {}
    _window(session, "maintenance", matches, as_json=as_json, **given)


@click.command()
@click.argument("about", nargs=-1, metavar="[KEY=VALUE...]")
@click.option("--from", "begins", metavar="TIME", help="When it begins (ISO 8601); now.")
@click.option("--to", "ends", metavar="TIME", help="When it ends.")
@click.option("--for", "length", metavar="TIME", help="How long: 90m, 2h, 1d.")
@click.option("--reason", default="", help="Why.")
@click.option("--delete", "gone", metavar="ID", help="End it before its time.")
@api_command
def silence(*, about: tuple[str, ...], session: Session, as_json: bool, **given: Any) -> None:
    """Silence acts on what KEY=VALUE name together; without them list silences.

    KEY is one of host, zone, rack, aggregate, switch, type.
    """
    pairs = [one.partition("=") for one in about]
    if not all(key in MATCHES and value for key, _, value in pairs):
        raise click.UsageError(f"KEY=VALUE, where KEY is one of {', '.join(MATCHES)}")
    matches = {key: value for key, _, value in pairs}
    _window(session, "silence", matches, as_json=as_json, **given)


def _window(  # noqa: PLR0913 - the options of two commands
    session: Session,
    kind: str,
    matches: dict[str, str],
    *,
    as_json: bool,
    begins: str | None,
    ends: str | None,
    length: str | None,
    reason: str,
    gone: str | None,
) -> None:
    planned = any((begins, ends, length, reason))
    if gone is not None:
        if matches or planned:
            raise click.UsageError("--delete goes with nothing else")
        session.request("DELETE", "fault", f"/v1/windows/{quote(gone, safe='')}")
        click.echo(f"{gone} is over.")
        return
    if not matches:
        if planned:
            raise click.UsageError(f"say what the {kind} is about")
        found = session.get("fault", "/v1/windows")["windows"]
        rows = [_row(one, as_json=as_json) for one in found if one["kind"] == kind]
        print_rows(rows, COLUMNS, as_json=as_json, spare=SPARE)
        return
    body = {"kind": kind, "to": _end(begins, ends, length), "matches": matches, "reason": reason}
    if begins is not None:
        body["from"] = begins
    made = session.request("POST", "fault", "/v1/windows", body=body)["window"]
    print_rows([_row(made, as_json=as_json)], COLUMNS, as_json=as_json, spare=SPARE)


def _end(begins: str | None, ends: str | None, length: str | None) -> str:
    if (ends is None) == (length is None):
        raise click.UsageError("say when it ends: --to TIME or --for 2h")
    if ends is not None:
        return ends
    if begins is not None:
        raise click.UsageError("--for counts from now: with --from name the end by --to")
    found = _LENGTH.match(length or "")
    if found is None:
        raise click.UsageError("--for takes a number and s, m, h or d: 90m, 2h, 1d")
    seconds = int(found[1]) * _SECONDS[found[2]]
    return rfc3339(SystemClock().wall_ns() + seconds * _NS)


def _row(window: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return window
    about = " ".join(f"{key}={value}" for key, value in sorted(window["matches"].items()))
    times = {key: to_the_second(window[key]) for key in ("from", "to")}
    return {**window, **times, "about": about}


@click.command()
@click.argument("fault")
@api_command
def act(*, fault: str, session: Session, as_json: bool) -> None:
    """Have done for FAULT what guards refused, at your own word.

    Limits, windows and flapping do not bind it; a hold does, and so does whoever still hears a
    host whose servers would be evacuated.
    """
    answer = session.request("POST", "fault", f"/v1/faults/{quote(fault, safe='')}/act")
    _print(answer["explanation"], answer, as_json=as_json)


@click.command()
@click.argument("fault")
@api_command
def explain(*, fault: str, session: Session, as_json: bool) -> None:
    """Explain FAULT: votes, vetoes, rules, guards, proof, what was done and what was not."""
    path = f"/v1/faults/{quote(fault, safe='')}/explanation"
    found = session.get("fault", path)["explanation"]
    _print(found, found, as_json=as_json)


def _print(explanation: dict[str, Any], whole: object, *, as_json: bool) -> None:
    if as_json:
        print_json(whole)
        return
    click.echo(explanation["summary"])
    for section in explanation["sections"]:
        if section["lines"]:
            click.echo(f"\n{section['title']}")
            for line in section["lines"]:
                click.echo(f"  {line}")
