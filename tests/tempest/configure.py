"""Configure OpenStack's own suite for a standalone server.

``python -m tests.tempest.configure CLOUDS FOLDER [COMPUTE_VERSION]``

CLOUDS is the clouds.yaml that the server wrote. The accounts that the suite works with are made
as its administrator: each in a project of its own, one for every class of tests that runs at the
same time. FOLDER gets ``tempest.conf`` and ``accounts.yaml``.
"""

import configparser
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests
import yaml

HOSTS = 4
ALTERNATES = "alternates"
PROJECTS = {
    # Who wants an account of any role but no administrator's gets the first that is free.
    ALTERNATES: ("member",),
    # Administrators share no project: the suite counts on theirs being empty.
    "administrators": ("admin",),
    "others": ("member", "reader"),
}
"""The roles of each kind of project; there is an account of each."""

OF_EACH = 4
"""Two classes of tests run at the same time, and each may need two projects."""


class Cloud:
    """The server, called as its administrator."""

    def __init__(self, clouds: Path) -> None:
        """Log in."""
        self.auth = yaml.safe_load(clouds.read_text())["clouds"]["faultwire"]["auth"]
        self.identity: str = self.auth["auth_url"]
        self.root = self.identity.removesuffix("/identity/v3")
        self._session = requests.Session()
        self._session.trust_env = False
        domain = {"id": "default"}
        user = {
            "name": self.auth["username"],
            "password": self.auth["password"],
            "domain": domain,
        }
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": self.auth["project_name"], "domain": domain}},
            }
        }
        answer = self._session.post(f"{self.identity}/auth/tokens", json=body, timeout=30)
        answer.raise_for_status()
        self._session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def call(self, method: str, url: str, body: object = None) -> Any:
        """Return the decoded answer of a call that succeeds; None where it has no body."""
        answer = self._session.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def accounts(self, project: str, roles: Iterable[str]) -> list[dict[str, Any]]:
        """Make a project with a user of each role; return how they log in, as the suite wants."""
        made = self.call("POST", f"{self.identity}/projects", {"project": {"name": project}})
        return [self._account(made["project"], role) for role in roles]

    def _account(self, project: dict[str, Any], role: str) -> dict[str, Any]:
        name = f"{project['name']}-{role}"
        user = {"name": name, "password": f"word of {name}"}
        made = self.call("POST", f"{self.identity}/users", {"user": user})["user"]
        listed = self.call("GET", f"{self.identity}/roles")["roles"]
        role_id = next(one["id"] for one in listed if one["name"] == role)
        where = f"projects/{project['id']}/users/{made['id']}/roles/{role_id}"
        self.call("PUT", f"{self.identity}/{where}")
        account = {"username": name, "password": user["password"], "project_name": project["name"]}
        # Only what says its roles is given to whoever asks for a role.
        roles: dict[str, Any] = {} if project["name"].startswith(ALTERNATES) else {"roles": [role]}
        types = {"types": ["admin"]} if role == "admin" else {}
        return {**account, **roles, **types}

    def hosts(self) -> None:
        """Have hosts that take servers."""
        named = [{"name": f"compute-{number}"} for number in range(1, HOSTS + 1)]
        self.call("PATCH", f"{self.root}/fault/v1/inventory", {"hosts": named})


def configure(clouds: Path, folder: Path, version: str = "") -> Path:
    """Write both files; return the path of the configuration.

    `version` is the microversion up to which the suite asks; without one, it asks for none.
    """
    cloud = Cloud(clouds)
    try:
        cloud.hosts()
        accounts = [
            account
            for kind, roles in PROJECTS.items()
            for number in range(OF_EACH)
            for account in cloud.accounts(f"{kind}-{number}", roles)
        ]
        image = cloud.call("GET", f"{cloud.root}/image/v2/images")["images"][0]["id"]
    finally:
        cloud.close()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accounts.yaml").write_text(yaml.safe_dump(accounts))
    path = folder / "tempest.conf"
    written = configparser.RawConfigParser()
    written.read_dict(_settings(cloud, folder, image, version))
    with path.open("w") as file:
        written.write(file)
    return path


def _settings(cloud: Cloud, folder: Path, image: str, version: str) -> dict[str, dict[str, Any]]:
    present = {"nova": True, "glance": True, "neutron": True}
    absent = dict.fromkeys(("cinder", "horizon", "swift"), False)
    # Of a server's life only what is served; the suite passes over the rest by itself.
    missing = (
        "console_output pause shelve suspend cold_migration live_migration rescue snapshot "
        "interface_attach config_drive change_password resize personality "
        "enable_instance_password attach_encrypted_volume"
    )
    return {
        "DEFAULT": {"log_dir": folder, "log_file": "tempest.log", "debug": False},
        "oslo_concurrency": {"lock_path": folder / "locks"},
        "auth": {
            "use_dynamic_credentials": False,
            "test_accounts_file": folder / "accounts.yaml",
            "default_credentials_domain_name": "Default",
            "create_isolated_networks": False,
        },
        "identity": {"uri_v3": cloud.identity, "auth_version": "v3", "region": "RegionOne"},
        "identity-feature-enabled": {"api_v2": False, "api_v3": True},
        "service_available": present | absent,
        "compute": {
            "image_ref": image,
            "image_ref_alt": image,
            "flavor_ref": 1,
            "flavor_ref_alt": 2,
            "min_compute_nodes": HOSTS,
            "build_interval": 1,
            "build_timeout": 20,
            **({"min_microversion": "2.1", "max_microversion": version} if version else {}),
        },
        "compute-feature-enabled": dict.fromkeys(missing.split(), False),
        "validation": {"run_validation": False},
    }


if __name__ == "__main__":
    configure(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
