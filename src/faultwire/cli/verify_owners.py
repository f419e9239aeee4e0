"""The owners of a verification's servers: their alarms, and who receives these."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from faultwire.cli.demo_cloud import Received, in_order
from faultwire.cli.demo_world import DemoError, Peer, World
from faultwire.cli.verify_nova import Api
from faultwire.cli.verify_ways import Way
from faultwire.client import ClientError

Condition = Mapping[str, str]


@dataclass(slots=True)
class Owners:
    """Alarms for servers, received by a consumer of this machine.

    `alarms` maps a server's id to its alarm's.
    """

    ours: Api
    name: str
    """What the alarms are called after."""
    alarms: dict[str, str] = field(default_factory=dict)
    seen: list[Received] = field(default_factory=list)
    _peer: Peer = field(default_factory=lambda: Peer(""))
    _since: int = 0

    def watch(
        self, world: World, listen: str, servers: Sequence[Mapping[str, Any]], way: Way
    ) -> None:
        """Start the consumer and give each server's owner an alarm that clears again."""
        secrets = world.folder / "secrets"
        secrets.touch(mode=0o600)
        consumer = world.start(
            "consumer",
            "consumer",
            "--listen",
            self._address(listen),
            "--secret-file",
            str(secrets),
        )
        self._peer = Peer(consumer.expect("listening on "))
        for one in servers:
            self.alarms[one["id"]] = self._alarm(one, way)
        lines = []
        # A project has a secret since its first alarm.
        for project in sorted({str(one["tenant_id"]) for one in servers}):
            lines += [f"{secret}\n" for secret in self._secrets(project)]
        secrets.write_text("".join(lines))

    def _address(self, listen: str) -> str:
        """Return where to listen: as told, or where the server reaches this machine."""
        if listen:
            return listen
        url = urlsplit(self.ours.endpoint("fault"))
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(found[0], socket.SOCK_DGRAM) as way:
                # Nothing is sent: the system says which address it would send from.
                way.connect(found[4])
                name = str(way.getsockname()[0])
        except OSError as error:
            message = f"no address of this machine reaches {url.hostname}, give --listen: {error}"
            raise DemoError(message) from None
        return f"[{name}]:0" if ":" in name else f"{name}:0"

    def _secrets(self, project: str) -> list[str]:
        try:
            answer = self.ours.request(
                "GET", "alarming", "/v2/webhook-secret", params={"project_id": project}
            )
        except ClientError as error:
            if error.status != 404:
                raise
            message = (
                "the alarming service of this cloud is not Faultwire's: name the cloud of "
                "clouds.yaml that has it by --faultwire"
            )
            raise DemoError(message) from None
        return [str(one["secret"]) for one in answer["secrets"]]

    def _alarm(self, server: Mapping[str, Any], way: Way) -> str:
        mine = _condition("instance_id", server["id"])
        body = {
            "name": f"{self.name} {server['id']}",
            "type": "event",
            "project_id": server["tenant_id"],
            "severity": "critical",
            "event_rule": {
                "event_type": "compute.instance.update",
                "query": [mine, _condition(*way.raises)],
                "clear": {"query": [mine, _condition(*way.clears)]},
            },
            "alarm_actions": [f"{self._peer.url}/{self.name}"],
            "ok_actions": [f"{self._peer.url}/{self.name}"],
        }
        return str(self.ours.request("POST", "alarming", "/v2/alarms", body=body)["alarm_id"])

    def forget(self) -> None:
        """Take note of no webhook that came before."""
        self._since = max((one["number"] for one in self._records()), default=self._since)

    def received(self, current: str) -> list[Received]:
        """Return the webhooks that say `current`, in order of receipt."""
        self.seen = [Received.of(record) for record in self._records()]
        wanted = set(self.alarms.values())
        return [one for one in in_order(self.seen, current) if one.alarm_id in wanted]

    def all_told(self, current: str) -> bool:
        """Return whether every owner was told this."""
        return set(self.alarms.values()) <= {one.alarm_id for one in self.received(current)}

    def _records(self) -> list[dict[str, Any]]:
        return list(self._peer.json(f"/received?since={self._since}")["received"])

    def remove(self) -> list[str]:
        """Delete the alarms; return the ids of those that stay."""
        left = []
        for alarm in self.alarms.values():
            try:
                self.ours.request("DELETE", "alarming", f"/v2/alarms/{alarm}")
            except ClientError as error:
                if error.status != 404:
                    left.append(alarm)
        return left


def _condition(trait: str, value: str) -> Condition:
    return {"field": f"traits.{trait}", "op": "eq", "type": "string", "value": value}
