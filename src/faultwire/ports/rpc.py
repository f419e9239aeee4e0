"""Remote calls, as callers and handlers see them.

Which methods there are, at which versions and with which arguments, is the table in
`messaging.versions`. The transport is in-process or a broker; neither shows here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from faultwire.domain.errors import RpcError


@dataclass(frozen=True, slots=True)
class Answer:
    """What one peer answered to a fan-out, or why it did not; `waited_ms` until then."""

    value: object = None
    error: RpcError | None = None
    waited_ms: float = 0.0

    @property
    def verdict(self) -> str:
        """Return `ok`, or the error's word (`timeout`, `no consumer`, ...)."""
        return "ok" if self.error is None else self.error.verdict


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a handler is told of a call, beside its arguments.

    `version` is that at which the caller sent it, `topic` where. `context` is what the caller's
    side put on the envelope (`RpcClient`'s `context`): text to text, at most a few KiB, not
    trusted before somebody proved it.
    """

    api: str
    method: str
    version: str
    context: Mapping[str, str] = field(default_factory=dict)
    topic: str = ""


class RpcClient(Protocol):
    """Calls other processes; on the loop. Arguments and answers are plain JSON values.

    `api` is an API of the table. `to` names the peer: the id of a guest for `guestagent`; None
    for `taskmanager` and `conductor`, any one of which takes it; the topic for `baseapi`.
    Each call goes out at the version that its own arguments need, never at a cap. Where the peer
    is older, it gets the form it knows if the table says how, else `RefusedVersion` is raised
    and nothing is sent. All raise `Invalid` for what the table does not know, which is our defect.
    """

    async def call(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float,
    ) -> object:
        """Return the peer's answer; raises an RpcError within the deadline."""

    async def cast(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        """Return once the bus keeps it; raises an RpcError. It is done later, at most once.

        A peer that refuses it says so to our side, which logs and counts it.
        """

    async def fan_out(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: Sequence[str],
        deadline_s: float,
    ) -> Mapping[str, Answer]:
        """Call all of these at once under one deadline; return an answer for each; never raises.

        It returns as soon as all answered, and once the deadline passed at the latest.
        """

    def can_send(
        self, api: str, method: str, arguments: Mapping[str, object], *, to: str | None = None
    ) -> bool:
        """Return whether a call with these arguments would be sent, in whatever form."""


class RpcServer(Protocol):
    """Takes calls from other processes; on the loop.

    A handler is an object with one async method for each method of its API, called as
    ``await handler.METHOD(incoming, **arguments)`` with arguments that fit the table; what an
    older caller did not send has its default. It returns plain JSON values. A FaultwireError
    that it raises is told to the caller as it reads; any other is logged and told as a failure.
    """

    def serve(self, api: str, handler: object, *, to: str | None = None) -> None:
        """Take the calls of an API, before `start` or after; `to` as in RpcClient.

        Raises Conflict if the API is served here under that name, Broken if the handler lacks a
        method of the table.
        """

    async def start(self) -> None:
        """Begin to take calls; returns although the bus is away: they come once it is there."""

    async def stop(self) -> None:
        """Take no more, wait a bounded time for what is running; harmless when repeated."""


class PeerVersions(Protocol):
    """What the live peers of an API speak; on the loop, no call waits."""

    def lowest(self, api: str, to: str | None) -> str | None:
        """Return the lowest version among them (``"1.2"``), None if none is known."""
