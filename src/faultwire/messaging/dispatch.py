"""What a server does with one incoming call, whatever brought it; on the loop."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import orjson

from faultwire.domain.errors import (
    Broken,
    Conflict,
    FaultwireError,
    RefusedVersion,
    RemoteFailure,
    RpcError,
)
from faultwire.messaging.versions import Api, Table, admit
from faultwire.ports.rpc import Incoming

log = logging.getLogger(__name__)

BASEAPI = "baseapi"
MOST_BYTES = 64 * 1024
"""Longest encoded arguments, and longest encoded answer."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A call as it arrived; nothing in it is trusted."""

    api: object
    method: object
    version: object
    arguments: object
    context: Mapping[str, str]


Door = Callable[[str, Envelope], None]
"""Asked of each call before its handler: topic and envelope; raises RefusedSender; on the loop."""


class Dispatcher:
    """The handlers of one topic; `table` says what they speak. baseapi is always served."""

    def __init__(self, table: Table, topic: str, door: Door | None = None) -> None:
        """Start with baseapi alone."""
        self.topic = topic
        self._door = door
        self._served: dict[str, tuple[Api, object]] = {}
        self.own = BASEAPI
        self.add(table.api(BASEAPI), _Baseapi(self))

    def add(self, api: Api, handler: object) -> None:
        """Serve an API; raises Conflict if it is served, Broken if the handler lacks a method."""
        if api.name in self._served:
            raise Conflict(f"{api.name} is served at {self.topic} already")
        for method in api.methods:
            if not callable(getattr(handler, method.name, None)):
                raise Broken(f"the handler of {api.name} has no method {method.name}")
        self._served[api.name] = (api, handler)
        self.own = api.name

    @property
    def versions(self) -> dict[str, str]:
        """Return the version of each API that is served here."""
        return {name: str(api.newest) for name, (api, _) in self._served.items()}

    async def dispatch(self, envelope: Envelope) -> object:
        """Return the handler's answer; raises an RpcError and nothing else."""
        served = self._served.get(envelope.api) if isinstance(envelope.api, str) else None
        name = str(envelope.method)[:64]
        if served is None:
            raise RefusedVersion(self.topic, name, "the API is not served here")
        api, handler = served
        if self._door is not None:
            self._door(self.topic, envelope)
        method, arguments = admit(api, envelope.method, envelope.version, envelope.arguments)
        version = cast("str", envelope.version)
        incoming = Incoming(api.name, method.name, version, envelope.context, self.topic)
        try:
            answer = await getattr(handler, method.name)(incoming, **arguments)
            size = len(orjson.dumps(answer))
        except RpcError as error:
            if error.topic == self.topic:
                raise
            raise RemoteFailure(self.topic, method.name, str(error)) from None
        except FaultwireError as error:
            raise RemoteFailure(
                self.topic, method.name, f"{type(error).__name__}: {error}"
            ) from None
        except Exception:
            log.exception("%s of %s failed", method.name, api.name)
            raise RemoteFailure(self.topic, method.name, "internal error") from None
        if size > MOST_BYTES:
            raise RemoteFailure(self.topic, method.name, "the answer is too large")
        return cast("object", answer)


class _Baseapi:
    """What every server answers for itself."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def rpc_ping(self, incoming: Incoming) -> bool:
        """Answer: calls arrive here."""
        del incoming
        return True

    async def get_versions(self, incoming: Incoming) -> dict[str, str]:
        """Return the version of each API that is served here."""
        del incoming
        return self._dispatcher.versions
