"""A Keystone that is not ours, in memory: it knows what it is told, and fails as told."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from faultwire.domain.errors import Forbidden, NotFound, Unavailable
from faultwire.ports import Clock

HOUR_NS = 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is for: a user, and a project, a domain, the system or nothing."""

    user: str
    project: str = ""
    roles: frozenset[str] = frozenset()
    domain: str = ""
    system: bool = False
    trust: str = ""


@dataclass
class FakeKeystone:
    """Implements `ports.keystone.KeystoneApi`.

    `issue` gives tokens, `revoke` takes them back. While `up` is false nothing is answered; while
    `held` is not None answers wait for it. Every question is in `asked`, answered or not.
    """

    clock: Clock
    up: bool = True
    held: asyncio.Event | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    trusts: dict[str, Grant] = field(default_factory=dict)
    _tokens: dict[str, tuple[Grant, int]] = field(default_factory=dict)

    def issue(self, grant: Grant, lasts_ns: int = HOUR_NS) -> str:
        """Return a new token."""
        name = uuid4().hex
        self._tokens[name] = grant, self.clock.wall_ns() + lasts_ns
        return name

    def revoke(self, token: str) -> None:
        """Have a token be refused from now on."""
        del self._tokens[token]

    async def _take(self, *question: str) -> None:
        self.asked.append(question)
        await asyncio.sleep(0)
        if self.held is not None:
            await self.held.wait()
        if not self.up:
            raise Unavailable("the cloud does not answer")

    def _valid(self, token: str) -> tuple[Grant, int]:
        grant, ends_ns = self._tokens.get(token, (None, 0))
        if grant is None or ends_ns <= self.clock.wall_ns():
            raise NotFound("Could not find token.")
        if grant.trust and grant.trust not in self.trusts:
            raise NotFound("Could not find trust.")
        return grant, ends_ns

    async def token(self, subject: str) -> Mapping[str, Any]:
        """Return what is known of a token; raises NotFound, Unavailable."""
        await self._take("token", subject)
        grant, ends_ns = self._valid(subject)
        ends = datetime.fromtimestamp(ends_ns / 1_000_000_000, UTC)
        domain = {"id": "default", "name": "Default"}
        said: dict[str, Any] = {
            "user": {"id": grant.user, "name": f"user {grant.user}", "domain": domain},
            "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
            "roles": [{"id": role, "name": role} for role in sorted(grant.roles)],
        }
        if grant.project:
            named = f"project {grant.project}"
            said["project"] = {"id": grant.project, "name": named, "domain": domain}
        elif grant.domain:
            said["domain"] = {"id": grant.domain, "name": grant.domain}
        elif grant.system:
            said["system"] = {"all": True}
        else:
            del said["roles"]
        if grant.trust:
            said["OS-TRUST:trust"] = {"id": grant.trust, "impersonation": True}
        return {"token": said}

    async def create_trust(
        self, token: str, *, user: str, project: str, roles: Iterable[str]
    ) -> str:
        """Keep a trust; raises Forbidden unless the token is the user's own."""
        await self._take("create_trust", token)
        wanted = frozenset(roles)
        try:
            grant, _ = self._valid(token)
        except NotFound as error:
            raise Forbidden(str(error)) from None
        if grant.user != user or grant.trust or not wanted <= grant.roles:
            raise Forbidden("You are not authorized to perform the requested action.")
        name = uuid4().hex
        self.trusts[name] = Grant(user, project, wanted, trust=name)
        return name

    async def delete_trust(self, trust: str, token: str) -> None:
        """Forget a trust, whoever asks."""
        await self._take("delete_trust", trust, token)
        self.trusts.pop(trust, None)

    async def trust_token(self, trust: str) -> tuple[str, int]:
        """Return a token of who made a trust; raises NotFound, Unavailable."""
        await self._take("trust_token", trust)
        grant = self.trusts.get(trust)
        if grant is None:
            raise NotFound("Could not find trust.")
        token = self.issue(grant)
        return token, self._tokens[token][1]
