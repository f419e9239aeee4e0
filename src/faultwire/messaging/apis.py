"""One class for each API: its methods with their arguments, over any `RpcClient`.

The histories in the docstrings are made from the table (`messaging.history`); a test fails when
they differ. Every method takes the deadline of its call in seconds and raises an RpcError.
"""

from collections.abc import Mapping, Sequence

from faultwire.ports.rpc import Answer, RpcClient


class BaseApi:
    """Calls that every process answers; `to` is the topic.

    API version history:

    * 1.0 (amber): First version: rpc_ping, which every process answers.
        rpc_ping()
    * 1.1 (brass): get_versions, so that callers need not guess what a peer speaks.
        get_versions()
    """

    def __init__(self, client: RpcClient) -> None:
        """Take what sends the calls."""
        self._client = client

    async def rpc_ping(self, topic: str, *, deadline_s: float) -> None:
        """Return if calls arrive there."""
        await self._client.call("baseapi", "rpc_ping", {}, to=topic, deadline_s=deadline_s)

    async def get_versions(self, topic: str, *, deadline_s: float) -> object:
        """Return the version of each API that is served there."""
        return await self._client.call(
            "baseapi", "get_versions", {}, to=topic, deadline_s=deadline_s
        )


class TaskManagerApi:
    """Calls to any one task manager.

    API version history:

    * 1.0 (amber): First version: restart_guest, evacuate_host.
        restart_guest(instance_id)
        evacuate_host(host)
    * 1.1 (brass): task_id, so that progress can be read while it works.
        restart_guest: task_id, left out for older peers
        evacuate_host: task_id, left out for older peers
    * 1.2 (copper): evacuate_host takes the hosts that servers may go to.
        evacuate_host: targets, not sent to older peers
    """

    def __init__(self, client: RpcClient) -> None:
        """Take what sends the calls."""
        self._client = client

    async def restart_guest(self, instance_id: str, task_id: str, *, deadline_s: float) -> None:
        """Return once a task manager will restart the guest."""
        arguments = {"instance_id": instance_id, "task_id": task_id}
        await self._client.cast("taskmanager", "restart_guest", arguments, deadline_s=deadline_s)

    async def evacuate_host(
        self, host: str, task_id: str, targets: Sequence[str] = (), *, deadline_s: float
    ) -> None:
        """Return once a task manager will move the servers away; no targets: it chooses."""
        arguments = {"host": host, "task_id": task_id, "targets": list(targets) or None}
        await self._client.cast("taskmanager", "evacuate_host", arguments, deadline_s=deadline_s)


class GuestApi:
    """Calls to one guest, or to many at once; `to` is its id.

    API version history:

    * 1.0 (amber): First version: rpc_ping, restart.
        rpc_ping()
        restart()
    * 1.1 (brass): get_diagnostics; restart takes the reason, for the guest's log.
        restart: reason, left out for older peers
        get_diagnostics()
    * 1.2 (copper): get_diagnostics may be asked for some sections only.
        get_diagnostics: sections, left out for older peers
    """

    def __init__(self, client: RpcClient) -> None:
        """Take what sends the calls."""
        self._client = client

    async def rpc_ping(self, guest: str, *, deadline_s: float) -> None:
        """Return if the guest answers (S202)."""
        await self._client.call("guestagent", "rpc_ping", {}, to=guest, deadline_s=deadline_s)

    async def rpc_ping_many(
        self, guests: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, Answer]:
        """Return a verdict for each, all under one deadline; never raises."""
        return await self._client.fan_out(
            "guestagent", "rpc_ping", {}, to=guests, deadline_s=deadline_s
        )

    async def restart(self, guest: str, reason: str = "", *, deadline_s: float) -> None:
        """Return once the guest has restarted its database."""
        arguments = {"reason": reason or None}
        await self._client.call(
            "guestagent", "restart", arguments, to=guest, deadline_s=deadline_s
        )

    async def get_diagnostics(
        self, guest: str, sections: Sequence[str] = (), *, deadline_s: float
    ) -> object:
        """Return what the guest says of itself; no sections: all of them."""
        arguments = {"sections": list(sections) or None}
        return await self._client.call(
            "guestagent", "get_diagnostics", arguments, to=guest, deadline_s=deadline_s
        )


class ConductorApi:
    """Calls of guests to any one conductor.

    API version history:

    * 1.0 (amber): First version: heartbeat with the status of the service.
        heartbeat(instance_id, payload, sent)
    * 1.1 (brass): report_fault; heartbeat says which version of guestagent the guest
      speaks.
        heartbeat: rpc_version, left out for older peers
        report_fault(instance_id, fault_type)
    * 1.2 (copper): heartbeat is numbered, so that order does not hang on the guest's clock;
      report_fault carries details.
        heartbeat: boot_id, left out for older peers
        heartbeat: sequence, left out for older peers
        report_fault: details, left out for older peers
    """

    def __init__(self, client: RpcClient) -> None:
        """Take what sends the calls."""
        self._client = client

    async def heartbeat(self, beat: Mapping[str, object], *, deadline_s: float) -> None:
        """Return once the bus has a guest's sign of life; `beat` holds its arguments."""
        await self._client.cast("conductor", "heartbeat", beat, deadline_s=deadline_s)

    async def report_fault(
        self,
        instance_id: str,
        fault_type: str,
        details: Mapping[str, object] | None = None,
        *,
        deadline_s: float,
    ) -> object:
        """Return what the conductor made of a fault that the guest found in itself."""
        arguments = {
            "instance_id": instance_id,
            "fault_type": fault_type,
            "details": dict(details) if details else None,
        }
        return await self._client.call(
            "conductor", "report_fault", arguments, deadline_s=deadline_s
        )
