"""From what a request carries to who speaks."""

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass

from faultwire.domain.accounts import Caller, CredentialKind, User
from faultwire.domain.errors import Unauthenticated
from faultwire.domain.ids import ProjectId, UserId
from faultwire.identity.directory import MemoryDirectory
from faultwire.identity.settings import Settings
from faultwire.identity.tokens import NOT_AUTHENTICATED, Claims, Signer
from faultwire.ports import Clock

LONGEST_CREDENTIAL = 1024


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was read and found good in one generation of the directory."""

    claims: Claims
    generation: int
    caller: Caller


class TokenAuthenticator:
    """Implements `ports.Authenticator`: in memory, no I/O, event loop only.

    A known token costs one look-up and one look at the clock. After any change to users,
    projects, grants or revocations it is looked at again, so that none of them is ever late.
    """

    def __init__(
        self, signer: Signer, directory: MemoryDirectory, clock: Clock, settings: Settings
    ) -> None:
        """Take the key's holder, the directory and the clock; starts with nothing known."""
        self._signer = signer
        self._directory = directory
        self._clock = clock
        self._limit = settings.token_cache
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def token(self, token: str) -> Caller:
        """Return the caller of an X-Auth-Token; raises Unauthenticated."""
        return self._look_up(token).caller

    def claims(self, token: str) -> Claims:
        """Return what a token that is valid now says; raises Unauthenticated."""
        return self._look_up(token).claims

    def _look_up(self, token: str) -> _Known:
        known = self._known.get(token)
        if known is None:
            known = self._examined(self._signer.read(token))
            self._known[token] = known
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
            return known
        if known.generation != self._directory.generation:
            del self._known[token]
            known = self._examined(known.claims)
            self._known[token] = known
        if known.claims.expires_ns <= self._clock.wall_ns():
            del self._known[token]
            raise Unauthenticated(NOT_AUTHENTICATED)
        self._known.move_to_end(token)
        return known

    def _examined(self, claims: Claims) -> _Known:
        directory, now = self._directory, self._clock.wall_ns()
        directory.forget_revocations(now)
        user = directory.user(claims.user)
        if (
            user is None
            or not user.enabled
            or claims.expires_ns <= now
            or claims.issued_ns <= user.password_ns
            or directory.revoked(claims.id)
        ):
            raise Unauthenticated(NOT_AUTHENTICATED)
        return _Known(claims, directory.generation, self._caller(claims, user))

    def _caller(self, claims: Claims, user: User) -> Caller:
        if not claims.project:
            return Caller(user.id, user.name, ProjectId(""), expires_ns=claims.expires_ns)
        project = self._directory.project(claims.project)
        roles = self._directory.roles(user.id, claims.project)
        if project is None or not roles:
            raise Unauthenticated(NOT_AUTHENTICATED)
        return Caller(
            user.id, user.name, project.id, project.name, roles, expires_ns=claims.expires_ns
        )

    def bound(self, credential: str) -> Caller:
        """Return the caller of an ``X-Faultwire-Credential: KIND/NAME:SECRET``.

        Raises Unauthenticated.
        """
        subject, _, secret = credential[:LONGEST_CREDENTIAL].rpartition(":")
        kind, _, name = subject.partition("/")
        held = self._directory.credential(CredentialKind(kind), name) if kind in _KINDS else None
        offered = hashlib.sha256(secret.encode()).hexdigest()
        # Compared even where nothing is held: a name cannot be found out by time.
        same = hmac.compare_digest(offered, held.secret_sha256 if held else offered[::-1])
        if held is None or not same:
            raise Unauthenticated(NOT_AUTHENTICATED)
        return Caller(UserId(held.id), name, ProjectId(""), kind=held.kind, name=name)

    def is_bound(self, credential: str) -> bool:
        """Return whether such a credential is valid now."""
        try:
            self.bound(credential)
        except Unauthenticated:
            return False
        return True


_KINDS = frozenset(kind.value for kind in CredentialKind)
