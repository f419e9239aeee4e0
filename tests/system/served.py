"""A real server process and plain HTTP calls of its faces."""

import json
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.databases.servers import free_port
from tests.system.children import BINARY, Child

CALL_SECONDS = 60.0
QUICK = {
    "identity": {"bcrypt_rounds": 4},
    "notifier": {"retry_first_ms": 50, "retry_max_s": 1, "deadline_ms": 30_000},
    "liveness": {"agent_silence_ms": 6000},
}
"""Settings with which a test waits for little that it does not test.

And takes no agent for dead, and tells nobody twice, where a busy machine holds up a beat or an
answer for a while.
"""

Config = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


def call(
    url: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = CALL_SECONDS,
    **more: Any,
) -> Reply:
    """Make one HTTP request on a connection of its own, with no proxy, redirect or netrc."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method,
            url,
            headers=dict(headers or {}),
            timeout=timeout,
            allow_redirects=False,
            **more,
        )
        return Reply(answer.status_code, answer.text, answer.headers)


class Server:
    """`faultwire serve` with its state in a folder; may end and start again on its port."""

    def __init__(
        self,
        folder: Path,
        config: Config | None = None,
        *,
        listen: str = "127.0.0.1:0",
        command: Sequence[str | Path] = (BINARY,),
    ) -> None:
        self._command = command
        self.state_dir = folder / "state"
        self.clouds = self.state_dir / "clouds.yaml"
        self.config = folder / "faultwire.conf"
        self.log = folder / "server.log"
        self.url = ""
        # The system hands no such port to another while the server is away.
        self._listen = re.sub(":0$", f":{free_port()}", listen)
        self._tokens: dict[str, str] = {}
        self.child: Child | None = None
        self.configure(config or {})

    def configure(self, config: Config) -> None:
        """Write the settings of the next start: the quick ones and these.

        Beside a cloud our own accounts count too unless it is said: tests make members there.
        """
        if "openstack" in config:
            config = {"keystone": {"embedded_identity": "true"}, **config}
        joined = {
            name: {**QUICK.get(name, {}), **config.get(name, {})} for name in {*QUICK, *config}
        }
        lines = []
        for section, options in joined.items():
            lines += [f"[{section}]", *(f"{name} = {text}" for name, text in options.items())]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self) -> "Server":
        """Start and return once it accepts; every start takes the same port."""
        arguments = ["serve", "--state-dir", self.state_dir, "--config", self.config]
        arguments += ["--listen", self._listen]
        self.child = Child(self.log, *arguments, command=self._command)
        self.url = self.child.line("listening on ")
        return self

    def stop(self) -> int:
        """End it as an operator does; return the exit status."""
        assert self.child is not None
        return self.child.stop()

    def kill9(self) -> None:
        """End it with SIGKILL."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)
            self.child.wait()

    def restart(self) -> None:
        """End it cleanly and start it again."""
        assert self.stop() == 0
        self.start()

    def close(self) -> None:
        """End it whatever it does; fails if it logged a defect."""
        if self.child is not None:
            self.child.kill()
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        assert "Traceback (most recent call last)" not in log, log[-8000:]

    # ------------------------------------------------------------ calls

    def auth(self, cloud: str = "faultwire") -> dict[str, str]:
        """Return how a cloud of clouds.yaml logs in."""
        clouds = yaml.safe_load(self.clouds.read_text())["clouds"]
        found: dict[str, str] = clouds[cloud]["auth"]
        return found

    def login(self, user: str, password: str, project: str) -> Reply:
        """Ask for a token."""
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "password": password, "domain": domain}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        return call(f"{self.url}/identity/v3/auth/tokens", "POST", json=body)

    def token(self, who: str = "faultwire") -> str:
        """Return a token of a cloud of clouds.yaml or of a member made before; the same again."""
        if who not in self._tokens:
            auth = self.auth(who)
            answer = self.login(auth["username"], auth["password"], auth["project_name"])
            assert answer.status == 201, answer.text
            self._tokens[who] = answer.headers["X-Subject-Token"]
        return self._tokens[who]

    def forget_tokens(self) -> None:
        """Ask for fresh tokens from now on."""
        self._tokens.clear()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        who: str = "faultwire",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        """Call a face as somebody; as nobody where `who` is empty."""
        sent = {"X-Auth-Token": self.token(who)} if who else {}
        if body is not None:
            more["json"] = body
        return call(f"{self.url}{path}", method, headers={**sent, **(headers or {})}, **more)

    def get(self, path: str, **more: Any) -> Any:
        """Return what a GET that must succeed answers, decoded."""
        answer = self.call("GET", path, **more)
        assert answer.status == 200, answer.text
        return answer.json

    def member(self, name: str, project: str, role: str = "member") -> str:
        """Create a user of a project (created if needed); return the project's id."""
        projects = self.get("/identity/v3/projects")["projects"]
        found = [one["id"] for one in projects if one["name"] == project]
        if not found:
            made = self.call("POST", "/identity/v3/projects", {"project": {"name": project}})
            assert made.status == 201, made.text
            found = [made.json["project"]["id"]]
        user = {"name": name, "password": f"word of {name}"}
        made = self.call("POST", "/identity/v3/users", {"user": user})
        assert made.status == 201, made.text
        roles = {r["name"]: r["id"] for r in self.get("/identity/v3/roles")["roles"]}
        person = made.json["user"]["id"]
        path = f"/identity/v3/projects/{found[0]}/users/{person}/roles/{roles[role]}"
        assert self.call("PUT", path).status == 204
        answer = self.login(name, user["password"], project)
        assert answer.status == 201, answer.text
        self._tokens[name] = answer.headers["X-Subject-Token"]
        return str(found[0])
