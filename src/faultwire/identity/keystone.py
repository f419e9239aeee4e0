"""Tokens of a Keystone that is not ours: asked once, remembered for a stated time.

Nothing here waits on a thread, and a token that is in use is asked again before it has to be: a
request waits for Keystone once, with the first sight of its token.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from faultwire.domain.accounts import Caller, Role
from faultwire.domain.errors import FaultwireError, NotFound, Unauthenticated, Unavailable
from faultwire.domain.ids import ProjectId, UserId
from faultwire.identity.keystone_settings import Settings
from faultwire.identity.tokens import NOT_AUTHENTICATED
from faultwire.ports import Authenticator, Clock, Meter
from faultwire.ports.keystone import KeystoneApi

log = logging.getLogger(__name__)

NS = 1_000_000_000
LONGEST_TOKEN = 8192
"""Characters of a token that are looked at; Keystone's have 200 to 800."""

PAUSE_SECONDS = 1.0
"""After a question that found no answer, the next is put after so long."""

COUNTED = "faultwire_keystone_tokens_total"
_ROLES = {role.value: role for role in Role}


@dataclass(slots=True)
class _Known:
    """A token that Keystone took; `asked_ns` is when the question went out (monotonic)."""

    caller: Caller
    asked_ns: int


class KeystoneTokens:
    """Implements `ports.TokenReader` and `ports.Authenticator`; on the event loop.

    What is remembered is the SHA-256 of a token and who showed it, of so many tokens at most.
    After half of its time a token that is used is asked again in the background. Questions about
    one token are one question.
    """

    def __init__(
        self,
        api: KeystoneApi,
        ours: Authenticator,
        clock: Clock,
        meter: Meter,
        settings: Settings,
    ) -> None:
        """Know nobody yet; `ours` knows our own credentials and accounts."""
        self._api = api
        self._ours = ours
        self._clock = clock
        self._meter = meter
        self._settings = settings
        self._fresh_ns = round(settings.token_cache_seconds * NS)
        self._last_ns = self._fresh_ns + round(settings.grace_seconds * NS)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._refused: OrderedDict[bytes, int] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Caller | FaultwireError]] = {}
        self._room = asyncio.Semaphore(settings.concurrency)
        self._down = False
        self._retry_ns = 0

    # ---------------------------------------------------------------- who speaks

    async def caller(self, token: str) -> Caller:
        """Return who shows a token; raises Unauthenticated, Unavailable."""
        if not 0 < len(token) <= LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            raise Unauthenticated(NOT_AUTHENTICATED)
        name, now_ns = hashlib.sha256(token.encode()).digest(), self._clock.mono_ns()
        known = self._remembered(name)
        if known is None and self._settings.embedded_identity:
            try:
                return self._ours.token(token)
            except Unauthenticated:
                pass
        if known is not None and now_ns - known.asked_ns < self._fresh_ns:
            if now_ns - known.asked_ns >= self._fresh_ns // 2:
                self._ask(name, token)
            self._known.move_to_end(name)
            self._meter.count(COUNTED, result="remembered")
            return known.caller
        if self._refused.get(name, 0) > now_ns:
            raise Unauthenticated(NOT_AUTHENTICATED)
        asked = self._ask(name, token)
        answer = await asyncio.shield(asked) if asked is not None else _no_answer()
        if isinstance(answer, Caller):
            return answer
        if isinstance(answer, Unavailable):
            return self._in_grace(name, answer)
        raise Unauthenticated(NOT_AUTHENTICATED)

    def _remembered(self, name: bytes) -> _Known | None:
        """Return what is known of a token, and forget it where it has ended."""
        known = self._known.get(name)
        if known is not None and known.caller.expires_ns <= self._clock.wall_ns():
            del self._known[name]
            raise Unauthenticated(NOT_AUTHENTICATED)
        return known

    def _in_grace(self, name: bytes, trouble: Unavailable) -> Caller:
        known = self._remembered(name)
        if known is None or self._clock.mono_ns() - known.asked_ns >= self._last_ns:
            self._meter.count(COUNTED, result="unavailable")
            raise Unavailable(str(trouble), trouble.detail)
        self._meter.count(COUNTED, result="grace")
        return known.caller

    def token(self, token: str) -> Caller:
        """Return the caller of one of our own tokens; raises Unauthenticated for Keystone's.

        Those are known by the time a request is handled: `caller` was asked before.
        """
        if not self._settings.embedded_identity:
            raise Unauthenticated(NOT_AUTHENTICATED)
        return self._ours.token(token)

    def bound(self, credential: str) -> Caller:
        """Return the caller of one of our own credentials; raises Unauthenticated."""
        return self._ours.bound(credential)

    # ---------------------------------------------------------------- asking

    def _ask(self, name: bytes, token: str) -> "asyncio.Task[Caller | FaultwireError] | None":
        """Return the question about a token; None while Keystone is not to be asked."""
        task = self._asking.get(name)
        if task is not None:
            return task
        # One question at a time finds out whether it is back; nobody else waits for that.
        if self._down and (self._asking or self._clock.mono_ns() < self._retry_ns):
            return None
        task = asyncio.create_task(self._answer(name, token), name="keystone-token")
        self._asking[name] = task
        task.add_done_callback(lambda _: self._asking.pop(name, None))
        return task

    async def _answer(self, name: bytes, token: str) -> Caller | FaultwireError:
        try:
            async with asyncio.timeout(self._settings.timeout), self._room:
                asked_ns = self._clock.mono_ns()
                caller = read(await self._api.token(token))
        except NotFound as error:
            self._up()
            self._known.pop(name, None)
            pause_ns = round(self._settings.refused_cache_seconds * NS)
            _keep(self._refused, name, self._clock.mono_ns() + pause_ns, self._settings)
            self._meter.count(COUNTED, result="refused")
            return error
        except TimeoutError:
            return self._gone(f"no answer within {self._settings.timeout:g} s")
        except FaultwireError as error:
            # Also what it refuses to us: that says nothing of who shows the token.
            return self._gone(f"{error}: {error.detail}")
        self._up()
        self._refused.pop(name, None)
        _keep(self._known, name, _Known(caller, asked_ns), self._settings)
        self._meter.count(COUNTED, result="taken")
        return caller

    def _gone(self, why: str) -> Unavailable:
        self._retry_ns = self._clock.mono_ns() + round(PAUSE_SECONDS * NS)
        if not self._down:
            self._down = True
            log.warning(
                "Keystone does not answer; %d tokens that it took go on for %g s: %s",
                len(self._known),
                self._settings.grace_seconds,
                why,
            )
        return _no_answer(why)

    def _up(self) -> None:
        if self._down:
            self._down = False
            log.info("Keystone answers again")

    async def close(self) -> None:
        """End the questions that are under way."""
        asking = tuple(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def _no_answer(why: str = "") -> Unavailable:
    return Unavailable("Keystone does not answer; who you are cannot be found out now.", why)


def _keep(kept: "OrderedDict[bytes, Any]", name: bytes, value: object, settings: Settings) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > settings.token_cache:
        kept.popitem(last=False)


def read(document: Mapping[str, Any]) -> Caller:
    """Return who a token is of, from what Keystone says of it; raises Unavailable for nonsense.

    The roles of a token for a domain count for nothing here: who rules a domain does not rule the
    cloud. Those of a token for the system do, and it has no project.
    """
    try:
        token = document["token"]
        user, project = token["user"], token.get("project") or {}
        ends = datetime.fromisoformat(token["expires_at"])
        names = {str(role["name"]).lower() for role in token.get("roles") or ()}
        domain = str((token.get("domain") or {}).get("id", ""))
        expires_ns = round((ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()) * NS
        return Caller(
            UserId(str(user["id"])),
            str(user["name"]),
            ProjectId(str(project.get("id", ""))),
            str(project.get("name", "")),
            frozenset(_ROLES[name] for name in names & _ROLES.keys() if not domain),
            expires_ns=expires_ns,
            domain=domain,
            system=bool((token.get("system") or {}).get("all")),
            trust=str((token.get("OS-TRUST:trust") or {}).get("id", "")),
            more_roles=frozenset() if domain else frozenset(names - _ROLES.keys()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable("Keystone's answer is none", repr(error)) from None
