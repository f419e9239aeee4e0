"""What tests ask of the small cloud, by keystoneauth1 alone: no code of the product."""

from typing import TYPE_CHECKING, Any

from keystoneauth1 import session
from keystoneauth1.identity import v3

from tests.openstack import settings
from tests.openstack.glance import IMAGE_ID
from tests.system.waiting import wait_for

if TYPE_CHECKING:
    from tests.openstack.minicloud import MiniCloud

MICROVERSION = "2.96"


class Client:
    """The cloud's administrator."""

    def __init__(self, cloud: "MiniCloud") -> None:
        """Sign in at a cloud's Keystone."""
        self._cloud = cloud
        auth = v3.Password(
            auth_url=cloud.identity, username=settings.ADMIN, password=settings.PASSWORD,
            project_name=settings.ADMIN, user_domain_id="default", project_domain_id="default",
        )  # fmt: skip
        self.session = session.Session(auth=auth)

    @property
    def project(self) -> str:
        """The id of the administrator's project."""
        return str(self.session.get_project_id())

    def ask(self, method: str, url: str, body: object = None, version: str = "") -> Any:
        """Return what a service answers; an error of it fails the test with its words."""
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        answer = self.session.request(
            url, method, json=body, headers=headers, raise_exc=False, authenticated=True
        )
        assert answer.status_code < 400, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def nova(
        self, method: str, path: str, body: object = None, version: str = MICROVERSION
    ) -> Any:
        """Ask Nova."""
        return self.ask(method, f"{self._cloud.urls['compute']}/v2.1{path}", body, version)

    def neutron(self, method: str, path: str, body: object = None) -> Any:
        """Ask Neutron."""
        return self.ask(method, f"{self._cloud.urls['network']}/v2.0{path}", body)

    def register(self, kind: str, url: str) -> None:
        """Enter a service and its endpoints in the catalogue."""
        base = self._cloud.identity
        made = self.ask("POST", f"{base}/services", {"service": {"type": kind, "name": kind}})
        for interface in ("public", "internal", "admin"):
            endpoint = {
                "service_id": made["service"]["id"],
                "interface": interface,
                "url": url,
                "region_id": settings.REGION,
            }
            self.ask("POST", f"{base}/endpoints", {"endpoint": endpoint})

    def grant(self, role: str) -> None:
        """Give the administrator one more role in its project."""
        base = self._cloud.identity
        roles = self.ask("GET", f"{base}/roles?name={role}")["roles"]
        user, project = self.session.get_user_id(), self.project
        self.ask("PUT", f"{base}/projects/{project}/users/{user}/roles/{roles[0]['id']}")

    def flavor(self) -> str:
        """Return the id of a small flavour, made once."""
        for one in self.nova("GET", "/flavors")["flavors"]:
            if one["name"] == "tiny":
                return str(one["id"])
        body = {"flavor": {"name": "tiny", "ram": 128, "disk": 1, "vcpus": 1}}
        return str(self.nova("POST", "/flavors", body)["flavor"]["id"])

    def boot(self, host: str, count: int, name: str) -> list[str]:
        """Start servers on a host through Nova and return their ids once they are ACTIVE."""
        server = {
            "name": name, "flavorRef": self.flavor(), "imageRef": IMAGE_ID, "host": host,
            "networks": "none", "min_count": count, "max_count": count,
        }  # fmt: skip
        self.nova("POST", "/servers", {"server": server})

        def ready() -> list[str]:
            found = [one for one in self.servers() if one["name"].startswith(name)]
            states = {one["status"] for one in found}
            assert "ERROR" not in states, [one.get("fault", {}).get("message") for one in found]
            done = len(found) == count and states == {"ACTIVE"}
            return [str(one["id"]) for one in found] if done else []

        return wait_for(ready, f"{count} servers on {host}", 120.0)

    def servers(self, host: str = "") -> list[dict[str, Any]]:
        """Return all servers, or a host's, as Nova's detailed list has them."""
        where = f"&host={host}" if host else ""
        answer = self.nova("GET", f"/servers/detail?all_tenants=1&limit=1000{where}")
        return list(answer["servers"])

    def service(self, host: str) -> dict[str, Any]:
        """Return the record of a host's nova-compute."""
        found = self.nova("GET", f"/os-services?host={host}&binary=nova-compute")["services"]
        return dict(found[0])

    def port(self, server: str, host: str) -> str:
        """Make a port of a server, bound to a host, and return its id."""
        networks = self.neutron("GET", "/networks?name=tests")["networks"]
        if not networks:
            made = self.neutron("POST", "/networks", {"network": {"name": "tests"}})
            networks = [made["network"]]
        port = {
            "network_id": networks[0]["id"], "device_id": server, "device_owner": "compute:nova",
            "binding:host_id": host,
        }  # fmt: skip
        return str(self.neutron("POST", "/ports", {"port": port})["port"]["id"])
