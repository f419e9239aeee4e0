"""What `faultwire verify` asks of a real cloud: its own servers, and a host for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faultwire.cli.demo_world import DemoError, wait_for
from faultwire.client import ClientError

VERSION = {"OpenStack-API-Version": "compute 2.74"}
"""The first at which a server is made on a host that is named."""

MARK = "faultwire-verify"
"""Metadata of every server that a verification made; its value names the verification."""

PAGE = 500
BUILT_SECONDS = 300.0
GONE_SECONDS = 120.0
STATE_SECONDS = 120.0
EVERY = 0.5

_RULES = {
    "list services": "os_compute_api:os-services:list",
    "force a service down": "os_compute_api:os-services:update",
    "list the servers of a host": "os_compute_api:servers:detail:get_all_tenants",
    "make servers on a chosen host": "os_compute_api:servers:create:requested_destination",
}


class Api(Protocol):
    """A cloud as it is asked: `faultwire.client.Session` is one. Raises ClientError."""

    def endpoint(self, service: str) -> str:
        """Return the base URL of a service, without a slash at its end."""

    def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer of a call below a service's endpoint."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What servers are made of; empty: chosen."""

    flavor: str = ""
    image: str = ""
    network: str = ""


class Nova:
    """Nova, Glance and Neutron of the cloud; every refusal is a DemoError that says what to do."""

    def __init__(self, api: Api, name: str) -> None:
        """Take the cloud; `name` marks the servers that are made."""
        self._api = api
        self.name = name

    # ---------------------------------------------------------------- hosts

    def services(self) -> list[dict[str, Any]]:
        """Return the nova-compute services."""
        answer = self._ask("list services", "GET", "compute", "/os-services?binary=nova-compute")
        return list(answer["services"])

    def service(self, host: str) -> dict[str, Any]:
        """Return a host's nova-compute; DemoError where there is none."""
        for one in self.services():
            if one["host"] == host:
                return one
        message = f"the cloud has no host {host} with a nova-compute"
        raise DemoError(message)

    def force_down(self, service: str, *, down: bool) -> None:
        """Force a service down, or take that back."""
        body = {"forced_down": down}
        self._ask("force a service down", "PUT", "compute", f"/os-services/{service}", body)

    def others(self, host: str) -> list[str]:
        """Return the ids of the servers of a host that are not ours."""
        mine = {one["id"] for one in self.mine()}
        what = "list the servers of a host"
        answer = self._ask(what, "GET", "compute", f"/servers?all_tenants=1&host={host}")
        return [str(one["id"]) for one in answer["servers"] if one["id"] not in mine]

    # ---------------------------------------------------------------- servers

    def mine(self, *, of_all: bool = False) -> list[dict[str, Any]]:
        """Return the servers of this verification; `of_all`: those of any."""
        return [
            one
            for one in self._named(MARK if of_all else self.name)
            if one["metadata"].get(MARK) and (of_all or one["metadata"][MARK] == self.name)
        ]

    def _named(self, name: str) -> Iterator[dict[str, Any]]:
        marker = ""
        while True:
            path = f"/servers/detail?name=^{name}&limit={PAGE}{marker}"
            rows = self._ask("list servers", "GET", "compute", path)["servers"]
            yield from rows
            if len(rows) < PAGE:
                return
            marker = f"&marker={rows[-1]['id']}"

    def make(self, host: str, count: int, wanted: Wanted) -> list[dict[str, Any]]:
        """Make servers on a host, and return them once they are all active."""
        flavor = self._flavor(wanted.flavor)
        server = {
            "name": self.name,
            "flavorRef": flavor["id"],
            "imageRef": self._image(wanted.image, flavor),
            "networks": self._networks(wanted.network),
            "metadata": {MARK: self.name},
            "host": host,
            "min_count": count,
            "max_count": count,
        }
        what = "make servers on a chosen host"
        self._ask(what, "POST", "compute", "/servers", {"server": server})
        made: list[dict[str, Any]] = []

        def built() -> bool:
            made[:] = self.mine()
            for one in made:
                if one["status"] == "ERROR":
                    said = one.get("fault", {}).get("message", "no reason is given")
                    message = f"the cloud could not build server {one['id']}: {said}"
                    raise DemoError(message)
            return len(made) == count and {one["status"] for one in made} == {"ACTIVE"}

        if not wait_for(built, BUILT_SECONDS, EVERY):
            states = ", ".join(sorted({str(one["status"]) for one in made})) or "none"
            message = f"{count} servers were not built within {BUILT_SECONDS:.0f} s: {states}"
            raise DemoError(message)
        return made

    def remove(self, *, of_all: bool = False) -> list[str]:
        """Delete the servers of this verification, and return the ids of those that stay.

        `of_all`: those of any verification, for what an earlier one could not clean up.
        """
        asked: set[str] = set()

        def gone() -> bool:
            left = self.mine(of_all=of_all)
            for one in left:
                if one["id"] not in asked:
                    asked.add(one["id"])
                    self._delete(one["id"])
            return not left

        if wait_for(gone, GONE_SECONDS, EVERY):
            return []
        return [str(one["id"]) for one in self.mine(of_all=of_all)]

    def _delete(self, server: str) -> None:
        try:
            self._api.request("DELETE", "compute", f"/servers/{server}", headers=VERSION)
        except ClientError as error:
            if error.status != 404:
                raise

    # ---------------------------------------------------------------- what servers are made of

    def _flavor(self, named: str) -> dict[str, Any]:
        found = self._ask("list flavors", "GET", "compute", "/flavors/detail")["flavors"]
        if named:
            return _named("flavor", found, named)
        usable = [one for one in found if not one.get("OS-FLV-DISABLED:disabled")]
        if not usable:
            message = "the cloud has no flavor: make one, or name one by --flavor"
            raise DemoError(message)
        return dict(min(usable, key=lambda one: (one["ram"], one["vcpus"], one["disk"])))

    def _image(self, named: str, flavor: Mapping[str, Any]) -> str:
        path = "/v2/images?status=active&limit=1000"
        found = self._ask("list images", "GET", "image", path)["images"]
        if named:
            return str(_named("image", found, named)["id"])
        fitting = [
            one
            for one in found
            if (one.get("min_ram") or 0) <= flavor["ram"]
            and (one.get("min_disk") or 0) <= (flavor["disk"] or 1 << 30)
        ]
        if not fitting:
            message = (
                f"the cloud has no active image that fits flavor {_called(flavor)}: "
                "add one, or name flavor and image by --flavor and --image"
            )
            raise DemoError(message)
        return str(min(fitting, key=lambda one: one.get("size") or 1 << 60)["id"])

    def _networks(self, named: str) -> object:
        """Return what Nova takes; nothing of the job needs a network: without a name, none."""
        if named in {"", "none", "auto"}:
            return named or "none"
        found = self._ask("list networks", "GET", "network", "/v2.0/networks")["networks"]
        return [{"uuid": _named("network", found, named)["id"]}]

    # ---------------------------------------------------------------- asking

    def _ask(self, what: str, method: str, service: str, path: str, body: object = None) -> Any:
        try:
            version = "/" + path.split("/")[1]
            # Some catalogues have the version in the URL of these services, others have not.
            if service != "compute" and self._api.endpoint(service).endswith(version):
                path = path.removeprefix(version)
            return self._api.request(method, service, path, body=body, headers=VERSION)
        except ClientError as error:
            raise DemoError(_why(what, error)) from None

    def wait(self, true: Callable[[], bool], what: str, seconds: float = STATE_SECONDS) -> str:
        """Return an empty text once something is so, or what was not so in time."""
        return "" if wait_for(true, seconds, EVERY) else f"{what} after {seconds:.0f} s"


def _why(what: str, error: ClientError) -> str:
    said = str(error)
    if error.status in {403, 413} and "quota" in said.lower():
        return f"the quota does not allow it, ask for fewer servers (--servers): {said}"
    if error.status == 403:
        rule = f" (policy rule {_RULES[what]})" if what in _RULES else ""
        return f"the account may not {what}{rule}: {said}"
    return f"cannot {what}: {said}"


def _named(kind: str, found: Sequence[Mapping[str, Any]], named: str) -> dict[str, Any]:
    """Return the one of a name or id; DemoError for none, or several."""
    fitting = [one for one in found if named == one["id"]]
    fitting = fitting or [one for one in found if named == one.get("name")]
    if len(fitting) == 1:
        return dict(fitting[0])
    several = f"{len(fitting)} of that name, give an id" if fitting else "none"
    message = f"--{kind} {named}: the cloud has {several}"
    raise DemoError(message)


def _called(one: Mapping[str, Any]) -> str:
    return str(one.get("name") or one["id"])
