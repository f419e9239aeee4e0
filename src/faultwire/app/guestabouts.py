"""Guests of several servers: each is heard by one of them, and called through it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from faultwire.app.cluster import Cluster
from faultwire.domain.changes import Change, SessionMoved
from faultwire.domain.commands import MoveSession
from faultwire.domain.errors import (
    BusDown,
    Conflict,
    FaultwireError,
    NoAnswer,
    NoConsumer,
    NotFound,
    RefusedArguments,
    RefusedVersion,
    RemoteFailure,
    RpcError,
    Unavailable,
)
from faultwire.domain.guests import TOPIC, Heard, guest_of_key, session_key, topic_of
from faultwire.domain.ids import GuestId, HostName
from faultwire.domain.resources import Guest
from faultwire.domain.shares import Member
from faultwire.domain.states import AgentState
from faultwire.monitors.guests import GuestMonitor
from faultwire.ports import Intake
from faultwire.ports.rpc import RpcClient
from faultwire.resourcemap.sessions import NOWHERE, SessionMap

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
MARGIN_SECONDS = 0.2
"""What the other server has less than we: its answer must come back."""

_ERRORS: Mapping[str, type[RpcError]] = {
    kind.verdict: kind
    for kind in (
        BusDown,
        NoAnswer,
        NoConsumer,
        RefusedArguments,
        RefusedVersion,
        RemoteFailure,
    )
}


class GuestWhereabouts:
    """Implements `ports.guests.GuestsElsewhere` and `guestcalls.Afar`; on the event loop."""

    def __init__(
        self,
        cluster: Cluster,
        sessions: SessionMap,
        intake: Intake,
        monitor: GuestMonitor,
        local: RpcClient,
    ) -> None:
        """Watch the map of sessions; `follow` must get every change. Before the cluster starts."""
        self._cluster = cluster
        self._sessions = sessions
        self._intake = intake
        self._monitor = monitor
        self._local = local
        self._tasks: set[asyncio.Task[None]] = set()
        self._find: Callable[[GuestId], Guest | None] = lambda _: None
        cluster.on_lost(self._lost)
        cluster.on_ask(self._answer)

    def begin(self, find: Callable[[GuestId], Guest | None], every: tuple[Guest, ...]) -> None:
        """Wait for guests that were heard, and that no process answers for."""
        self._find = find
        alive = {member.id for member in self._cluster.live()}
        keys = (session_key(one.id) for one in every if one.agent is AgentState.CONNECTED)
        self._monitor.expect(key for key in keys if self._sessions.at(key)[0] not in alive)

    def follow(self, change: Change) -> None:
        """Leave a guest to the process that hears it now."""
        if not isinstance(change, SessionMoved) or change.member in {"", self._cluster.id}:
            return
        if guest_of_key(change.host) is not None:
            self._monitor.moved(change.host)

    # ------------------------------------------------------------ ports.guests.GuestsElsewhere

    def held(self, guest: GuestId, agent: str) -> bool:
        """Return whether another process hears another agent of the guest."""
        holder, session = self._holder(guest)
        return holder is not None and session != agent

    def entered(self, guest: GuestId, agent: str) -> None:
        """Tell the others that the guest is heard here."""
        key = session_key(guest)
        before = self._sessions.at(key)
        self._move(MoveSession(key, self._cluster.id, agent, (NOWHERE, before)))

    def left(self, guest: GuestId, agent: str) -> None:
        """Tell the others that the guest is not heard here any more."""
        key = session_key(guest)
        self._move(MoveSession(key, self._cluster.id, "", ((self._cluster.id, agent),)))

    # ------------------------------------------------------------ guestcalls.Afar

    def holds(self, guest: str) -> bool:
        """Return whether another server hears a guest, or has its session."""
        return self._holder(guest)[0] is not None

    async def call(
        self, method: str, arguments: Mapping[str, object], guest: str, deadline_s: float
    ) -> object:
        """Have the call made there; raises an RpcError within the deadline."""
        holder, _ = self._holder(guest)
        if holder is None:
            raise NoConsumer(topic_of(guest), method, "nobody listens there")
        question = {
            "call": method,
            "guest": guest,
            "arguments": dict(arguments),
            "seconds": max(deadline_s - MARGIN_SECONDS, deadline_s / 2),
        }
        try:
            answer = await self._cluster.ask(holder, question, deadline_s)
        except Unavailable as error:
            raise NoAnswer(topic_of(guest), method, f"its server: {error}") from None
        verdict = answer.get("verdict")
        if verdict is None:
            return answer.get("value")
        kind = _ERRORS.get(str(verdict), RemoteFailure)
        raise kind(topic_of(guest), method, str(answer.get("reason", "failed")))

    async def beat(self, heard: Heard, *, goodbye: bool) -> bool:
        """Hand a heartbeat to the server that hears the guest; False where that is none of them.

        Raises Conflict, NotFound and Unavailable as the monitor there does.
        """
        holder, session = self._holder(heard.guest)
        if holder is None or session != heard.agent:
            return False
        question = {
            "beat": [heard.guest, heard.agent, heard.sequence, heard.version],
            "service_status": heard.service_status,
            "goodbye": goodbye,
        }
        answer = await self._cluster.ask(holder, question, BEAT_SECONDS)
        refused = {"conflict": Conflict, "unknown": NotFound}.get(str(answer.get("refused")))
        if refused is not None:
            raise refused(str(answer.get("reason", "")))
        return "taken" in answer

    # ------------------------------------------------------------ what others ask

    async def _answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        if "beat" in question:
            return self._take(question)
        if "call" not in question:
            return {"failure": "no such question"}
        try:
            value = await self._local.call(
                TOPIC,
                str(question["call"]),
                question["arguments"],
                to=str(question["guest"]),
                deadline_s=float(question["seconds"]),
            )
        except RpcError as error:
            return {"verdict": error.verdict, "reason": error.reason}
        return {"value": value}

    def _take(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        guest, agent, sequence, version = question["beat"]
        heard = Heard(GuestId(guest), agent, sequence, version, question["service_status"])
        try:
            if question["goodbye"]:
                self._monitor.left(heard.guest, heard.agent, goodbye=True)
            else:
                self._monitor.beat(heard)
        except Conflict as error:
            return {"refused": "conflict", "reason": str(error)}
        except NotFound as error:
            return {"refused": "unknown", "reason": str(error)}
        except FaultwireError as error:
            return {"failure": str(error)}
        return {"taken": True}

    # ------------------------------------------------------------ the rest

    def _holder(self, guest: str) -> tuple[Member | None, str]:
        """Return the other server that hears a guest, and the agent that it hears."""
        member, session = self._sessions.at(session_key(guest))
        if not session or member == self._cluster.id:
            return None, ""
        return next((one for one in self._cluster.live() if one.id == member), None), session

    def _move(self, command: MoveSession) -> None:
        task = asyncio.create_task(self._submit(command), name="a guest's session")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit(self, command: MoveSession) -> None:
        try:
            done = await self._intake.submit(command)
        except FaultwireError as error:
            log.warning("where %s is heard was not recorded: %s", command.host, error.detail)
            return
        if not done and command.session:
            self._monitor.moved(command.host)

    def _lost(self, member: Member) -> None:
        """Wait for the guests of a process that is gone: they come to one of us."""
        keys: list[HostName] = []
        for key in self._sessions.of(member.id):
            name = guest_of_key(key)
            guest = self._find(name) if name is not None else None
            if guest is not None and guest.agent is AgentState.CONNECTED:
                keys.append(key)
        if keys:
            log.warning("%d guests of %s are expected here", len(keys), member.name)
        self._monitor.expect(keys)

    async def stop(self) -> None:
        """End what was not recorded yet; the others find out by our absence."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
