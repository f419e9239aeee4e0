"""`faultwire register-endpoints`: clients find us by the catalogue of a cloud's Keystone."""

from collections.abc import Mapping
from typing import Any

import click

from faultwire.cli.output import api_command, print_json
from faultwire.client import Session
from faultwire.client.catalog import TYPES, Step, Wish, removal, steps


class Keystone:
    """The administrator's side of a Keystone, below version 3."""

    def __init__(self, session: Session) -> None:
        """Take who asks."""
        self._session = session

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the decoded answer; raises ClientError."""
        version = "" if self._session.endpoint("identity").endswith("/v3") else "/v3"
        return self._session.request(method, "identity", version + path, body=body)

    def all(self, kind: str) -> list[Mapping[str, Any]]:
        """Return all services or endpoints."""
        return list(self.ask("GET", f"/{kind}")[kind])

    def take(self, todo: list[Step]) -> None:
        """Do one step after the other."""
        service = ""
        for step in todo:
            body: Any = step.body or None
            if "endpoint" in step.body and step.body["endpoint"].get("service_id") == "{service}":
                body = {"endpoint": {**step.body["endpoint"], "service_id": service}}
            made = self.ask(step.method, step.path, body)
            if "service" in step.body:
                service = str(made["service"]["id"])


@click.command()
@click.option("--public-url", metavar="URL", help="Where clients reach us, without a path.")
@click.option("--internal-url", metavar="URL", help="For other services [--public-url].")
@click.option("--admin-url", metavar="URL", help="For administrators [--public-url].")
@click.option("--region", default="RegionOne", show_default=True, help="The endpoints' region.")
@click.option(
    "--service",
    "types",
    multiple=True,
    type=click.Choice(TYPES),
    help="One type alone; may be repeated.  [default: all]",
)
@click.option("--alone", is_flag=True, help="The URLs are of listeners of one face: no prefix.")
@click.option("--remove", is_flag=True, help="Take our endpoints of the region out again.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@api_command
def register_endpoints(
    session: Session,
    *,
    types: tuple[str, ...],
    remove: bool,
    dry_run: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Enter our services in the catalogue of a cloud's Keystone, or take them out.

    Another run changes what differs and nothing else. A type that somebody else serves in the
    region, as Aodh serves alarming, is refused.
    """
    public = said["public_url"]
    if not remove and not (public or "").startswith(("http://", "https://")):
        raise click.UsageError("--public-url is needed: http://HOST:PORT or https://…")
    given = {
        interface: said[f"{interface}_url"] or public or ""
        for interface in ("public", "internal", "admin")
    }
    wish = Wish(given, said["region"], types or TYPES, alone=said["alone"])
    keystone = Keystone(session)
    services, endpoints = keystone.all("services"), keystone.all("endpoints")
    if remove:
        todo = removal(services, endpoints, wish)
    else:
        todo = steps(services, endpoints, wish, keystone.all("regions"))
    if not dry_run:
        keystone.take(todo)
    if as_json:
        print_json({"done": not dry_run, "steps": [step.about for step in todo]})
        return
    for step in todo:
        click.echo(f"would {step.about}" if dry_run else step.about)
    if not todo:
        click.echo("nothing to do: the catalogue is as it should be")
