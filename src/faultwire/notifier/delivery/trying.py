"""Tries of deliveries: made ready, and judged when they are over, many at once."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from random import Random

from yarl import URL

from faultwire.domain.alarms import Attempt, Delivery, DeliveryState
from faultwire.domain.errors import Invalid, NotFound, Unavailable
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.domain.trusts import is_trusted, parted
from faultwire.notifier.delivery import answer, guard, message, offline, schedule
from faultwire.notifier.delivery.drafts import Drafts
from faultwire.notifier.delivery.lanes import Lanes
from faultwire.notifier.delivery.marking import Marking
from faultwire.notifier.delivery.places import Flight
from faultwire.notifier.delivery.pool import Origin
from faultwire.notifier.delivery.post import BUS_ORIGIN, Poster, Reply, Route, request_of, route_of
from faultwire.notifier.delivery.schedule import Kind, Limits, Outcome
from faultwire.ports import Clock, Probe
from faultwire.ports.buses import BUS
from faultwire.ports.keystone import TrustTokens

log = logging.getLogger(__name__)

Secrets = Callable[[ProjectId], Sequence[str]]
"""A project's valid signing secrets, newest first."""

Record = Callable[[Delivery, Attempt, float], None]
"""Takes what came of a try, with the seconds that it took."""

Trace = Callable[[Delivery, int, int, int | None, str], None]
"""Takes a webhook that is over: when its last try began and ended, the status, what was wrong."""

ROUTES_KEPT = 8192
WEBHOOK = "webhook"
_S = 1_000_000_000
_RETRIED = frozenset({Kind.ANSWERED, Kind.UNREACHABLE})
_NO_ANSWER = Outcome(Kind.UNREACHABLE, "no answer")


@dataclass(slots=True, eq=False, kw_only=True)
class Try(Reply):
    """One request, ready to go out; both clocks are read when it starts and when it is over.

    With a `trust` it is not ready before `Trying.post` has the token of that trust.
    """

    flight: Flight
    origin: Origin
    data: bytes
    trust: str = ""
    began_ns: int = 0
    began_mono_ns: int = 0
    ended_ns: int = 0
    ended_mono_ns: int = 0


@dataclass(frozen=True, slots=True)
class Office:
    """What it takes to prepare and to judge; `random` spreads retries, no secret hangs on it.

    `forget` is told of a delivery that failed and is not ours to repeat, `trace` of every webhook
    that is over. `trusts` has tokens of who trusts us.
    """

    rules: guard.Rules
    limits: Limits
    clock: Clock
    probe: Probe
    secrets: Secrets
    record: Record
    random: Random
    forget: Callable[[Delivery], None]
    trace: Trace | None = None
    trusts: TrustTokens | None = None


class Trying:
    """Prepares tries and tells lanes, record and probe what came of them; on the event loop."""

    def __init__(self, lanes: Lanes, office: Office) -> None:
        """Work for these lanes."""
        self._lanes = lanes
        self._office = office
        self._marking = Marking(office.probe)
        self._routes: dict[str, Route | Invalid] = {}
        # What came of the last try of deliveries that are tried again.
        self._last: dict[DeliveryId, Outcome] = {}
        self.drafts = Drafts(self._draft, office.clock.wall_ns)

    def prepare(self, flight: Flight) -> Try | None:
        """Return the try, signed; None if it is over already.

        Too old, refused, no secret; or no webhook at all. What a bus gets is never too old.
        """
        delivery = flight.delivery
        wall_ns = self._office.clock.wall_ns()
        if delivery.kind != BUS and schedule.expired(delivery, wall_ns, self._office.limits):
            self._give_up(flight, wall_ns)
            return None
        if delivery.kind == BUS:
            return Try(flight=flight, origin=BUS_ORIGIN, data=delivery.body)
        if delivery.kind != WEBHOOK:
            self._final(delivery, offline.settled(delivery), wall_ns, 0.0)
            self._lanes.drop(flight, self._office.clock.mono_ns())
            return None
        route = self._route(delivery.url)
        if isinstance(route, Invalid):
            self._refuse(flight, str(route), wall_ns)
            return None
        if is_trusted(delivery.url):
            trust = parted(delivery.url)[0]
            return Try(flight=flight, origin=route.origin, data=b"", trust=trust)
        secrets = self._office.secrets(delivery.project)
        data = self.drafts.take(delivery, secrets, wall_ns)
        try:
            if data is None:
                data = _request(route, delivery, secrets, wall_ns)
        except Invalid as error:
            self._failed(flight, Outcome(Kind.ANSWERED, f"not signed: {error}"), wall_ns, 0.0)
            return None
        except ValueError as error:
            self._refuse(flight, str(error), wall_ns)
            return None
        return Try(flight=flight, origin=route.origin, data=data)

    async def post(self, poster: Poster, one: Try) -> None:
        """Make the request and fill in the try; raises CancelledError."""
        if one.trust:
            await self._sign(one)
        if one.outcome is None:
            await poster.post(one.origin, one.data, one)

    async def _sign(self, one: Try) -> None:
        """Make the request of an action in a user's name, or fill in why there is none."""
        trusts, delivery = self._office.trusts, one.flight.delivery
        route = self._route(delivery.url)
        if trusts is None or not isinstance(route, Route):
            one.outcome = Outcome(Kind.REFUSED, "refused: it cannot be called")
            return
        try:
            token = await trusts.token(one.trust)
            secrets = self._office.secrets(delivery.project)
            one.data = _request(route, delivery, secrets, one.began_ns, token)
        except NotFound as error:
            one.outcome = Outcome(Kind.REFUSED, f"refused: {error}")
        except Unavailable as error:
            one.outcome = Outcome(Kind.UNREACHABLE, f"no token for it: {error}")
        except (Invalid, ValueError) as error:
            one.outcome = Outcome(Kind.ANSWERED, f"not signed: {error}")

    def _draft(self, delivery: Delivery, wall_ns: int) -> tuple[bytes, Sequence[str]] | None:
        """Return the first request of a delivery and what signed it; None if it cannot be made.

        What is wrong with it `prepare` will say.
        """
        route = self._route(delivery.url) if delivery.kind == WEBHOOK else None
        if not isinstance(route, Route):
            return None
        if self._office.trusts is not None and is_trusted(delivery.url):
            self._office.trusts.warm(parted(delivery.url)[0])
            return None
        secrets = self._office.secrets(delivery.project)
        try:
            return _request(route, delivery, secrets, wall_ns), secrets
        except (Invalid, ValueError):
            return None

    def forget(self, deliveries: Iterable[Delivery]) -> None:
        """Forget what came of the tries of deliveries that are not ours any more."""
        for delivery in deliveries:
            self._last.pop(delivery.id, None)

    def judge(self, tries: Iterable[Try]) -> None:
        """Take tries that are over; what is final is recorded, the rest is due again."""
        for one in tries:
            delivery = one.flight.delivery
            outcome = one.outcome or _NO_ANSWER
            seconds = (one.ended_mono_ns - one.began_mono_ns) / _S
            fault = delivery.fault_id
            if fault is not None and not delivery.attempt:
                self._marking.sent(fault, (one.began_ns, one.began_mono_ns))
            if outcome.kind in _RETRIED:
                self._failed(one.flight, outcome, one.ended_ns, seconds)
                continue
            delivered = outcome.kind is Kind.DELIVERED
            if delivered and fault is not None:
                received_ns, handled_ns = answer.times_of(one.body, one.began_ns, one.ended_ns)
                ended = one.ended_ns, one.ended_mono_ns
                self._marking.received(fault, received_ns, handled_ns, ended)
            self._final(delivery, outcome, one.ended_ns, seconds)
            if self._office.trace is not None and delivery.kind == WEBHOOK:
                trouble = "" if delivered else outcome.text
                times = one.began_ns, one.ended_ns
                self._office.trace(delivery, *times, outcome.status, trouble)
            self._lanes.done(one.flight, one.ended_mono_ns, success=delivered)
        self._marking.flush()

    def _failed(self, flight: Flight, outcome: Outcome, wall_ns: int, seconds: float) -> None:
        office, delivery = self._office, flight.delivery
        attempt = delivery.attempt + 1
        chance = office.random.random()
        limits = schedule.of_bus(office.limits) if delivery.kind == BUS else office.limits
        wait = schedule.wait_ns(attempt, outcome, chance, limits)
        failures = self._lanes.failures_after(flight)
        rest = schedule.wait_ns(failures, outcome, chance, limits)
        next_ns = wall_ns + max(wait, rest)
        self._last[delivery.id] = outcome
        record = schedule.pending(delivery, outcome, attempt, wall_ns, next_ns)
        office.record(delivery, record, seconds)
        kept = self._lanes.again(
            flight,
            schedule.tried(delivery, attempt, next_ns),
            office.clock.mono_ns(),
            wait,
            rest,
            pardonable=outcome.kind is Kind.UNREACHABLE,
        )
        if not kept:
            self._last.pop(delivery.id, None)
            office.forget(delivery)

    def _give_up(self, flight: Flight, wall_ns: int) -> None:
        delivery = flight.delivery
        text = f"given up after {self._office.limits.dead_ns // _S} s"
        last = self._last.pop(delivery.id, None)
        outcome = Outcome(Kind.DEAD, text)
        if last is not None:
            outcome = Outcome(Kind.DEAD, f"{text}: {last.text}", last.status)
        # This was no try: the number stays that of the last one.
        record = schedule.final(delivery, outcome, delivery.attempt, wall_ns)
        self._office.record(delivery, record, 0.0)
        self._lanes.drop(flight, self._office.clock.mono_ns())

    def _refuse(self, flight: Flight, why: str, wall_ns: int) -> None:
        outcome = Outcome(Kind.REFUSED, f"refused: {why}")
        self._final(flight.delivery, outcome, wall_ns, 0.0)
        self._lanes.drop(flight, self._office.clock.mono_ns())

    def _final(self, delivery: Delivery, outcome: Outcome, wall_ns: int, seconds: float) -> None:
        record = schedule.final(delivery, outcome, delivery.attempt + 1, wall_ns)
        self._office.record(delivery, record, seconds)
        if self._last:
            self._last.pop(delivery.id, None)
        if record.state is not DeliveryState.DELIVERED:
            log.info("delivery %s is %s: %s", delivery.id, record.state.value, outcome.text)

    def _route(self, text: str) -> Route | Invalid:
        found = self._routes.get(text)
        if found is None:
            if len(self._routes) >= ROUTES_KEPT:
                self._routes.clear()
            found = _route_of(text, self._office.rules)
            if is_trusted(text) and (self._office.trusts is None or not parted(text)[0]):
                found = Invalid("url", "needs a token of Keystone, and there is none")
            self._routes[text] = found
        return found


def _request(
    route: Route, delivery: Delivery, secrets: Sequence[str], wall_ns: int, token: str = ""
) -> bytes:
    headers = message.headers_of(delivery, secrets, delivery.attempt + 1, wall_ns // _S)
    if token:
        headers = {**headers, "x-auth-token": token}
    return request_of(route, headers, delivery.body)


def _route_of(text: str, rules: guard.Rules) -> Route | Invalid:
    url = parsed(parted(text)[1], rules)
    if isinstance(url, Invalid):
        return url
    try:
        return route_of(url)
    except ValueError:
        return Invalid("url", "cannot be used")


def parsed(text: str, rules: guard.Rules) -> URL | Invalid:
    """Return a URL for the client, which reads the same host in it as the guard; or why not."""
    try:
        target = guard.target_of(text, rules)
        url = URL(text)
        host, port = url.raw_host or "", url.port
    except Invalid as error:
        return error
    except ValueError:
        return Invalid("url", "cannot be read")
    if isinstance(target.address, IPv6Address):
        same = IPv6Address(host) == target.address
    else:
        same = host.lower() == target.host
    return url if same and port == target.port else Invalid("url", "is ambiguous")
