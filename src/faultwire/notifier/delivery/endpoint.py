"""Tests of endpoints: one signed request, before anything is owed to a callback.

It goes the way of every webhook: the same guard, deadline, TLS and headers, no redirect. What is
said of the outcome names no address, because whoever asked may only have guessed it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import orjson

from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Invalid, TooOften, Unavailable
from faultwire.domain.ids import DeliveryId, ProjectId
from faultwire.notifier.delivery import guard, message
from faultwire.notifier.delivery.post import Poster, Reply, request_of, route_of
from faultwire.notifier.delivery.resolver import GuardedResolver, Lookup
from faultwire.notifier.delivery.schedule import Kind, Outcome
from faultwire.notifier.delivery.trying import parsed
from faultwire.notifier.settings import Settings
from faultwire.ports import Clock

MOST, MOST_EACH = 32, 4
"""Tests at once, of all projects and of each: one that hangs takes its whole deadline."""

MOST_KNOWN = 1000
"""Projects whose tests are remembered; then those are forgotten that had none lately."""

ELSEWHERE = "the callback leads to an address that may not be reached"
_S = 1_000_000_000
_MINUTE_NS = 60 * _S
_MS = 1000.0


class Endpoints:
    """Asks callbacks whether they are there; on the event loop. `close` ends its connections."""

    def __init__(
        self,
        rules: guard.Rules,
        settings: Settings,
        clock: Clock,
        secrets: Callable[[ProjectId], Sequence[str]],
        lookup: Lookup | None = None,
    ) -> None:
        """Open nothing yet. `secrets` are a project's, newest first."""
        self._rules = rules
        self._settings = settings
        self._clock = clock
        self._secrets = secrets
        self._lookup = lookup
        self._poster: Poster | None = None
        self._under_way: Counter[ProjectId] = Counter()
        # When all that a project asked for lately will be forgotten, by the monotonic clock.
        self._clear_ns: dict[ProjectId, int] = {}

    async def ask(
        self, project: ProjectId, url: str, name: str, body: Mapping[str, object], secret: str
    ) -> str:
        """Post a body to a URL and return what came back in its place; empty if that was 2xx.

        `name` is the id of the delivery; `secret` signs where the project has none yet. Raises
        Unavailable while too many tests are under way, TooOften where the project has too many
        of them, or had.
        """
        if self._under_way[project] >= MOST_EACH:
            seconds = -(-self._settings.deadline_ms // 1000)
            raise TooOften(
                f"{MOST_EACH} callbacks of the project are being tested; try again in {seconds} s",
                seconds,
            )
        if self._under_way.total() >= MOST:
            raise Unavailable("too many callbacks are being tested; try again")
        self._allow(project)
        self._under_way[project] += 1
        try:
            outcome = await self._asked(project, url, name, orjson.dumps(body), secret)
        finally:
            self._under_way[project] -= 1
            if not self._under_way[project]:
                del self._under_way[project]
        return "" if outcome.kind is Kind.DELIVERED else outcome.text

    def _allow(self, project: ProjectId) -> None:
        """Count a test; raises TooOften. Each is forgotten at its turn, evenly over a minute."""
        now_ns, each_ns = self._clock.mono_ns(), _MINUTE_NS // self._settings.callback_tests
        clear_ns = max(now_ns, self._clear_ns.get(project, 0)) + each_ns
        over_ns = clear_ns - now_ns - _MINUTE_NS
        if over_ns > 0:
            seconds = -(-over_ns // _S)
            raise TooOften(
                f"The project has had {self._settings.callback_tests} callbacks tested in the last"
                f" minute; try again in {seconds} s",
                seconds,
            )
        if len(self._clear_ns) >= MOST_KNOWN:
            self._clear_ns = {key: at for key, at in self._clear_ns.items() if at > now_ns}
        self._clear_ns[project] = clear_ns

    async def close(self) -> None:
        """Close all connections."""
        poster, self._poster = self._poster, None
        if poster is not None:
            await poster.close()

    async def _asked(
        self, project: ProjectId, url: str, name: str, body: bytes, secret: str
    ) -> Outcome:
        target = parsed(url, self._rules)
        if isinstance(target, Invalid):
            return Outcome(Kind.DEAD, f"the callback {target.reason}")
        now_ns = self._clock.wall_ns()
        delivery = Delivery(DeliveryId(name), project, url, name, body, now_ns)
        secrets = self._secrets(project) or (secret,)
        reply = Reply()
        seconds = self._settings.deadline_ms / _MS
        try:
            headers = message.headers_of(delivery, secrets, 1, now_ns // _S)
            route = route_of(target)
            request = request_of(route, headers, body)
        except ValueError:
            return Outcome(Kind.REFUSED, "the callback cannot be used")
        try:
            async with asyncio.timeout(seconds):
                await self._post().post(route.origin, request, reply)
        except TimeoutError:
            # What is known of the answer by now counts, as for any webhook.
            outcome = reply.outcome or Outcome(Kind.UNREACHABLE, f"no answer within {seconds:g} s")
        else:
            outcome = reply.outcome or Outcome(Kind.UNREACHABLE, "no answer")
        if outcome.kind is Kind.REFUSED and outcome.status is None:
            return Outcome(Kind.REFUSED, ELSEWHERE)
        return outcome

    def _post(self) -> Poster:
        if self._poster is None:
            resolver = GuardedResolver(self._rules, self._settings, self._clock, self._lookup)
            self._poster = Poster(resolver, self._settings, self._clock)
        return self._poster
