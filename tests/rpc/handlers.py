"""Handlers of any API of any table, which note what they were asked."""

from collections.abc import Awaitable, Callable
from typing import Any

from faultwire.messaging.versions import Api
from faultwire.ports.rpc import Incoming

Method = Callable[..., Awaitable[object]]


class Handlers:
    """Has each method of an API; each notes its call and answers with the method's name.

    `instead` holds another answer, or an error to raise, or a function to await, by method.
    """

    def __init__(self, api: Api) -> None:
        """Make the methods."""
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.heard: list[Incoming] = []
        self.instead: dict[str, object] = {}
        for method in api.methods:
            setattr(self, method.name, self._method(method.name))

    def _method(self, name: str) -> Method:
        async def method(incoming: Incoming, **arguments: object) -> object:
            self.heard.append(incoming)
            self.asked.append((name, incoming.version, arguments))
            instead = self.instead.get(name, name)
            if isinstance(instead, Exception):
                raise instead
            return await instead() if callable(instead) else instead

        return method
