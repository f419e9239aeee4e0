"""From a login to a token: who it is, and the project that the token is for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from faultwire.domain.accounts import User
from faultwire.domain.errors import Unauthenticated
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.resources import Project
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.directory import MemoryDirectory
from faultwire.identity.passwords import Passwords
from faultwire.identity.settings import Settings
from faultwire.identity.tokens import (
    NOT_AUTHENTICATED,
    NS,
    Claims,
    Signer,
    new_audit_id,
)
from faultwire.ports import Clock

DOMAIN_ID = "default"
DOMAIN_NAME = "Default"
PASSWORD_FIELD = "auth.identity.password.user.password"  # noqa: S105  (a field's path)


Refused = Callable[[str, str, str], None]
"""Takes an action that was refused, its target, and the address it came from."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A user or project as a client names it: by id, or by name in a domain.

    `known_domain` is false for a name in a domain that is not ours: it refers to nobody.
    """

    id: str | None = None
    name: str | None = None
    known_domain: bool = True

    @property
    def text(self) -> str:
        """The id or name that was given."""
        return self.id or self.name or ""


class Scope(Enum):
    """What a token is for where no project is named."""

    DEFAULT = "default"
    UNSCOPED = "unscoped"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Login:
    """What a client shows (a password, a token, or both) and what it wants.

    `scope` is a project, the user's default project if any, none at all, or something that we do
    not issue tokens for (a domain, the system, a trust).
    """

    methods: tuple[str, ...]
    user: Reference | None = None
    password: str = ""
    token: str = ""
    scope: Reference | Scope = Scope.DEFAULT


class SignIn:
    """Issues tokens. Raises Unauthenticated, with one sentence for every reason."""

    def __init__(
        self,
        signer: Signer,
        authenticator: TokenAuthenticator,
        directory: MemoryDirectory,
        passwords: Passwords,
        clock: Clock,
        settings: Settings,
    ) -> None:
        """Take what a login needs; keeps nothing of its own."""
        self._refused: Refused | None = None
        self._learn: Callable[[], Awaitable[None]] | None = None
        self._signer = signer
        self._authenticator = authenticator
        self._directory = directory
        self._passwords = passwords
        self._clock = clock
        self._settings = settings

    def on_refused(self, call: Refused) -> None:
        """Have a function told of logins that are refused."""
        self._refused = call

    def on_unknown(self, learn: Callable[[], Awaitable[None]]) -> None:
        """Have what other processes stored learnt before somebody is refused for not being known.

        An account that was made at another server a moment ago can sign in at this one.
        """
        self._learn = learn

    async def issue(self, login: Login, source: str) -> tuple[str, Claims]:
        """Return a token and what it says; the login came from the address `source`."""
        if not set(login.methods) <= {"password", "token"}:
            raise Unauthenticated("Attempted to authenticate with an unsupported method.")
        before = self._authenticator.claims(login.token) if "token" in login.methods else None
        if login.user is not None and self.find_user(login.user) is None:
            await self._learnt()
        try:
            user = await self._user(login, before, source)
        except Unauthenticated:
            if self._refused is not None and login.user is not None:
                named = self.find_user(login.user)
                # What is no account's name may be a password in the wrong field.
                self._refused("login.refused", named.name if named else "(no such user)", source)
            raise
        try:
            project = self._project(user, login.scope)
        except Unauthenticated:
            await self._learnt()
            project = self._project(user, login.scope)
        # A token is younger than the password, whatever the wall clock did in between.
        now = max(self._clock.wall_ns(), user.password_ns + 1)
        expires = now + self._settings.token_expiration * NS
        claims = Claims(
            user.id,
            project,
            login.methods,
            (new_audit_id(),),
            now,
            expires,
        )
        if before is not None:
            claims = _exchanged(claims, before)
        return self._signer.sign(claims), claims

    async def _learnt(self) -> None:
        if self._learn is not None:
            await self._learn()

    async def _user(self, login: Login, before: Claims | None, source: str) -> User:
        user = self._directory.user(before.user) if before else None
        if login.user is not None and "password" in login.methods:
            named = self.find_user(login.user)
            account = named.id if named else login.user.text
            right = await self._passwords.verify(
                named, login.password, account, source, PASSWORD_FIELD
            )
            if not right or (before is not None and named != user):
                raise Unauthenticated(NOT_AUTHENTICATED)
            # As it is now: the password may have been changed while it was checked.
            user = self._directory.user(UserId(account))
            if user is None or named is None or user.password_hash != named.password_hash:
                raise Unauthenticated(NOT_AUTHENTICATED)
        if user is None or not user.enabled:
            raise Unauthenticated(NOT_AUTHENTICATED)
        return user

    def find_user(self, reference: Reference) -> User | None:
        """Return the user that a reference names."""
        if reference.id is not None:
            return self._directory.user(UserId(reference.id))
        if reference.name is None or not reference.known_domain:
            return None
        return self._directory.user_named(reference.name)

    def _project(self, user: User, scope: Reference | Scope) -> ProjectId:
        """Return the project of the token: with a role of the user there, or empty."""
        if isinstance(scope, Reference):
            project = self._find_project(scope)
            if project is None or not self._directory.roles(user.id, project.id):
                raise Unauthenticated(NOT_AUTHENTICATED)
            return project.id
        if scope is Scope.FOREIGN:
            raise Unauthenticated(NOT_AUTHENTICATED)
        default = user.default_project
        if scope is Scope.UNSCOPED or default is None:
            return ProjectId("")
        usable = self._directory.project(default) and self._directory.roles(user.id, default)
        return default if usable else ProjectId("")

    def _find_project(self, reference: Reference) -> Project | None:
        if reference.id is not None:
            return self._directory.project(ProjectId(reference.id))
        if reference.name is None or not reference.known_domain:
            return None
        return self._directory.project_named(reference.name)


def _exchanged(claims: Claims, before: Claims) -> Claims:
    """Return the claims of a token got for another: it ends when that one does."""
    return Claims(
        claims.user,
        claims.project,
        tuple(dict.fromkeys((*claims.methods, *before.methods))),
        (claims.id, before.audit_ids[-1]),
        claims.issued_ns,
        min(claims.expires_ns, before.expires_ns),
    )
