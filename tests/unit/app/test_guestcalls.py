"""Calls to guests: our session first, then the bus, then the server that has the session."""

from collections.abc import Mapping, Sequence

import pytest

from faultwire.app.guestcalls import GuestCalls, GuestPinger
from faultwire.domain.errors import (
    BusDown,
    NoAnswer,
    NoConsumer,
    RefusedArguments,
    RefusedVersion,
    RemoteFailure,
    RpcError,
)
from faultwire.domain.guests import Verdict
from faultwire.domain.ids import GuestId, ProjectId
from faultwire.domain.resources import Guest
from faultwire.ports.rpc import Answer
from faultwire.testing.clock import ManualClock
from tests.unit.monitors.fakes import CountingMeter


class Way:
    """Implements `ports.rpc.RpcClient` for the guests that it knows; mute ones never answer."""

    def __init__(self, name: str, *known: str, mute: Sequence[str] = ()) -> None:
        self.name = name
        self.known = set(known)
        self.mute = set(mute)
        self.casts: list[str] = []

    async def call(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float,
    ) -> object:
        if to in self.mute:
            raise NoAnswer(str(to), method, "mute")
        if to not in self.known:
            raise NoConsumer(str(to), method, "nobody")
        return self.name

    async def cast(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: str | None = None,
        deadline_s: float = 5.0,
    ) -> None:
        self.casts.append(method)

    async def fan_out(
        self,
        api: str,
        method: str,
        arguments: Mapping[str, object],
        *,
        to: Sequence[str],
        deadline_s: float,
    ) -> Mapping[str, Answer]:
        found = {}
        for one in to:
            try:
                found[one] = Answer(
                    await self.call(api, method, arguments, to=one, deadline_s=deadline_s)
                )
            except RpcError as error:
                found[one] = Answer(None, error)
        return found

    def can_send(
        self, api: str, method: str, arguments: Mapping[str, object], *, to: str | None = None
    ) -> bool:
        return to in self.known


class Afar(Way):
    """Implements `guestcalls.Afar`."""

    def holds(self, guest: str) -> bool:
        return guest in self.known | self.mute

    async def call(  # type: ignore[override]
        self, method: str, arguments: Mapping[str, object], guest: str, deadline_s: float
    ) -> object:
        return await super().call("", method, arguments, to=guest, deadline_s=deadline_s)


LOCAL, BUS, AFAR = Way("local", "a"), Way("bus", "b", mute=["m"]), Afar("afar", "c", mute=["d"])
EVERYONE = ["a", "b", "c", "d", "m", "z"]


async def verdict(calls: GuestCalls, guest: str) -> str:
    """Return who answered for a guest, or why nobody did."""
    try:
        return str(await calls.call("guestagent", "rpc_ping", {}, to=guest, deadline_s=1))
    except RpcError as error:
        return error.verdict


@pytest.mark.parametrize("bus", [None, BUS])
async def test_one_and_many_take_the_same_way(bus: Way | None) -> None:
    """Each guest has one answer, alone or among others, with a broker and without."""
    calls = GuestCalls(LOCAL, lambda guest: guest == "a", bus)
    calls.neighbours(AFAR)
    one = {guest: await verdict(calls, guest) for guest in EVERYONE}
    answers = await calls.fan_out("guestagent", "rpc_ping", {}, to=EVERYONE, deadline_s=1)
    many = {
        guest: answer.verdict if answer.error else str(answer.value)
        for guest, answer in answers.items()
    }
    assert one == many
    expected = {"a": "local", "c": "afar", "d": "timeout", "z": "no consumer"}
    with_bus = {"b": "bus", "m": "timeout"} if bus else {"b": "no consumer", "m": "no consumer"}
    assert one == expected | with_bus


async def test_what_is_not_for_guests_goes_over_the_bus() -> None:
    """Casts to task managers are the bus's; without one they stay in the process."""
    await GuestCalls(LOCAL, lambda _: False, BUS).cast("taskmanager", "restart_guest", {})
    await GuestCalls(LOCAL, lambda _: False).cast("taskmanager", "evacuate_host", {})
    assert (BUS.casts, LOCAL.casts) == (["restart_guest"], ["evacuate_host"])
    assert GuestCalls(LOCAL, lambda _: True).can_send("guestagent", "rpc_ping", {}, to="a")


class Failing(Way):
    """A way whose every call ends in the same error."""

    def __init__(self, error: RpcError) -> None:
        super().__init__("failing")
        self._error = error

    async def call(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise self._error


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NoAnswer("t", "m", "r"), Verdict.TIMEOUT),
        (NoConsumer("t", "m", "r"), Verdict.NO_CONSUMER),
        (RefusedVersion("t", "m", "r"), Verdict.REFUSED_VERSION),
        (BusDown("t", "m", "r"), Verdict.BUS_DOWN),
        (RemoteFailure("t", "m", "r"), Verdict.FAILED),
        (RefusedArguments("t", "m", "r"), Verdict.FAILED),
    ],
)
async def test_every_way_to_fail_has_its_verdict(error: RpcError, verdict: Verdict) -> None:
    """One guest and many have the same verdict, with the reason, and each is counted."""
    meter, guest = CountingMeter(), Guest(GuestId("g"), "g", ProjectId("p"))
    known = {guest.id: guest}
    pinger = GuestPinger(Failing(error), known.get, ManualClock(), meter, 1.0)
    ping = await pinger.ping(guest.id)
    assert (ping.verdict, ping.reason) == (verdict, "r")
    among, unknown = await pinger.ping_all(["g", "nope"], 1.0)
    assert (among.verdict, unknown.verdict) == (verdict, Verdict.UNKNOWN)
    assert meter.counts[f"faultwire_guest_pings_total/{verdict.value}"] == 2
