"""Agents of several servers: each host's agent has one session, at one of them."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from faultwire.app.cluster import Cluster
from faultwire.app.lane import Lane
from faultwire.domain.changes import Change, SessionMoved
from faultwire.domain.commands import AgentChanged, Command, MoveSession, ReportFaults
from faultwire.domain.errors import FaultwireError
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.guests import guest_of_key, session_key
from faultwire.domain.ids import HostName
from faultwire.domain.resources import Host
from faultwire.domain.shares import Member
from faultwire.domain.states import AgentState
from faultwire.ports import Intake
from faultwire.resourcemap.sessions import NOWHERE, SessionMap

log = logging.getLogger(__name__)


class Monitor(Protocol):
    """The agents' monitor as its neighbours see it."""

    def expect(self, hosts: Iterable[HostName]) -> None:
        """Wait for the agents of these hosts."""

    def moved(self, host: HostName) -> None:
        """Leave a host to another process."""

    def doubt(self, host: HostName) -> None:
        """Find out whether the session of a host is alive."""


class Verdicts:
    """Implements `ports.Intake` for the agents' monitor of one of several servers.

    A verdict on an agent that has arrived at another server is dropped, by the order of commits
    and not by what this process happens to have heard.
    """

    def __init__(self, lane: Lane, sessions: SessionMap, cluster: Cluster) -> None:
        """Take the lane, the map that follows it, and who lives."""
        self._lane = lane
        self._sessions = sessions
        self._cluster = cluster

    async def submit(self, command: Command) -> object:
        """Run a command through the lane, unless it is about a host that is not ours any more."""
        host = _judged(command)
        if host is not None:
            await self._lane.caught_up()
            if self._is_elsewhere(self._sessions.at(host)[0]):
                log.info("the agent of %s has a session elsewhere: no verdict is given", host)
                return None
        return await self._lane.submit(command)

    def _is_elsewhere(self, member: str) -> bool:
        """Return whether another process answers for a host; one that is gone answers for none."""
        return member not in {"", self._cluster.id} and any(
            one.id == member for one in self._cluster.live()
        )


def _judged(command: Command) -> HostName | None:
    """Return the host, or a guest by its `session_key`, that a command declares lost."""
    if isinstance(command, AgentChanged) and command.state is not AgentState.CONNECTED:
        return command.host
    if isinstance(command, GuestChanged) and command.agent is not AgentState.CONNECTED:
        return session_key(command.guest)
    if isinstance(command, ReportFaults):
        (report,) = command.reports
        if not report.raised:
            return None
        guest = report.resource.get("guest_id")
        return session_key(guest) if guest else HostName(str(report.resource["hostname"]))
    return None


class Whereabouts:
    """Implements `ports.Elsewhere`; on the event loop."""

    def __init__(
        self, cluster: Cluster, sessions: SessionMap, intake: Intake, monitor: Monitor
    ) -> None:
        """Watch the map of sessions and the members; `follow` must get every change."""
        self._cluster = cluster
        self._sessions = sessions
        self._intake = intake
        self._monitor = monitor
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts: Callable[[HostName], Host | None] = lambda _: None
        cluster.on_lost(self._lost)
        cluster.on_doubt(lambda host: monitor.doubt(HostName(host)))

    def begin(self, hosts: Callable[[HostName], Host | None], every: Iterable[Host]) -> None:
        """Wait for agents that were connected and have no process that answers for them."""
        self._hosts = hosts
        alive = {member.id for member in self._cluster.live()}
        self._monitor.expect(
            host.name
            for host in every
            if host.agent is AgentState.CONNECTED and self._sessions.at(host.name)[0] not in alive
        )

    def follow(self, change: Change) -> None:
        """Leave a host to the process at which its agent has arrived."""
        if not isinstance(change, SessionMoved) or change.member in {"", self._cluster.id}:
            return
        if guest_of_key(change.host) is None:
            self._monitor.moved(change.host)

    def held(self, host: HostName) -> bool:
        """Return whether the agent has a session at another process, which is asked to look."""
        member, session = self._sessions.at(host)
        if not session or member == self._cluster.id:
            return False
        holder = next((one for one in self._cluster.live() if one.id == member), None)
        if holder is None:
            return False
        self._cluster.doubt(holder, host)
        return True

    def entered(self, host: HostName, session: str) -> None:
        """Tell the others that the agent is here."""
        before = self._sessions.at(host)
        self._move(MoveSession(host, self._cluster.id, session, (NOWHERE, before)))

    def left(self, host: HostName, session: str) -> None:
        """Tell the others that the agent is not here any more."""
        held = self._cluster.id, session
        self._move(MoveSession(host, self._cluster.id, "", (held,)))

    def _move(self, command: MoveSession) -> None:
        task = asyncio.create_task(self._submit(command), name="an agent's session")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit(self, command: MoveSession) -> None:
        try:
            done = await self._intake.submit(command)
        except FaultwireError as error:
            log.warning(
                "where the agent of %s is was not recorded: %s", command.host, error.detail
            )
            return
        if not done and command.session:
            self._monitor.moved(command.host)

    def _lost(self, member: Member) -> None:
        """Wait for the agents of a process that is gone: they come to one of us."""
        hosts = [
            name
            for name in self._sessions.of(member.id)
            if (host := self._hosts(name)) is not None and host.agent is AgentState.CONNECTED
        ]
        if hosts:
            log.warning("%d agents of %s are expected here", len(hosts), member.name)
        self._monitor.expect(hosts)

    async def stop(self) -> None:
        """End what was not recorded yet; the others find out by our absence."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
