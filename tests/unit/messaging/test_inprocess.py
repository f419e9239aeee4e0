"""Remote calls within the process."""

from collections.abc import Mapping

import pytest

from faultwire.domain.errors import (
    Conflict,
    NoAnswer,
    NoConsumer,
    RefusedArguments,
    RemoteFailure,
)
from faultwire.messaging.caps import Caps
from faultwire.messaging.inprocess import InProcessClient, InProcessExchange, InProcessServer
from faultwire.ports.rpc import Incoming
from faultwire.telemetry.clock import SystemClock


class Guest:
    """A guest's handlers, as an older release or this one calls them."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    async def rpc_ping(self, incoming: Incoming) -> bool:
        """Answer."""
        self.asked.append((incoming.version, {}))
        return True

    async def restart(self, incoming: Incoming, reason: str | None) -> None:
        """Take the reason."""
        self.asked.append((incoming.version, {"reason": reason}))

    async def get_diagnostics(self, incoming: Incoming, sections: list[str] | None) -> object:
        """Fail as a handler may."""
        raise Conflict("the database is restarting")


@pytest.fixture
async def sides() -> tuple[InProcessClient, InProcessServer, Guest]:
    """A client and the server of one guest, started."""
    exchange = InProcessExchange()
    guest = Guest()
    server = InProcessServer(exchange)
    server.serve("guestagent", guest, to="g1")
    await server.start()
    return InProcessClient(exchange, Caps(), SystemClock()), server, guest


async def test_a_call_arrives_at_its_own_version(
    sides: tuple[InProcessClient, InProcessServer, Guest],
) -> None:
    """A call is sent at the version that its arguments need, not at the cap (bug 1631106)."""
    client, _, guest = sides
    assert await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=3) is True
    await client.call("guestagent", "restart", {}, to="g1", deadline_s=3)
    await client.call("guestagent", "restart", {"reason": "hung"}, to="g1", deadline_s=3)
    assert guest.asked == [
        ("1.0", {}),
        ("1.0", {"reason": None}),
        ("1.1", {"reason": "hung"}),
    ]


async def test_failures_have_their_own_errors(
    sides: tuple[InProcessClient, InProcessServer, Guest],
) -> None:
    """A guest that is not there, a bad argument and a failing handler are told apart."""
    client, server, _ = sides
    with pytest.raises(NoConsumer, match="g2"):
        await client.call("guestagent", "rpc_ping", {}, to="g2", deadline_s=3)
    with pytest.raises(RefusedArguments, match="reason"):
        await client.call("guestagent", "restart", {"reason": 7}, to="g1", deadline_s=3)
    with pytest.raises(RemoteFailure, match="Conflict: the database is restarting"):
        await client.call("guestagent", "get_diagnostics", {}, to="g1", deadline_s=3)
    await server.stop()
    answers = await client.fan_out("guestagent", "rpc_ping", {}, to=["g1"], deadline_s=3)
    assert answers["g1"].verdict == "no consumer"


async def test_a_silent_guest_costs_its_deadline(
    sides: tuple[InProcessClient, InProcessServer, Guest],
) -> None:
    """A handler that never answers ends as NoAnswer."""
    client, _, guest = sides

    async def never(incoming: Incoming) -> bool:
        del incoming
        await SystemClock().sleep(3600)
        return True

    guest.rpc_ping = never  # type: ignore[method-assign]
    with pytest.raises(NoAnswer, match="no answer in"):
        await client.call("guestagent", "rpc_ping", {}, to="g1", deadline_s=0.01)
