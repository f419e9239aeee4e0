"""Users, roles and bound credentials: who may speak to us."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from faultwire.domain.ids import ProjectId, UserId


class Role(StrEnum):
    """The roles that policies know."""

    ADMIN = "admin"
    MEMBER = "member"
    READER = "reader"
    SERVICE = "service"
    DATA_PLANE_INTEGRATOR = "data_plane_integrator"


IMPLIED_ROLES: dict[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset({Role.MEMBER, Role.READER}),
    Role.MEMBER: frozenset({Role.READER}),
}
"""Roles that come with a role, as Keystone's bootstrap sets them up."""


@dataclass(frozen=True, slots=True)
class User:
    """A person or service with a password; tokens issued before `password_ns` are void."""

    id: UserId
    name: str
    password_hash: str
    password_ns: int
    enabled: bool = True
    default_project: ProjectId | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role of a user in a project."""

    user: UserId
    project: ProjectId
    role: Role


@dataclass(frozen=True, slots=True)
class Revocation:
    """A token that was revoked before it expired; kept until it would have expired."""

    token_id: str
    expires_ns: int


class CredentialKind(StrEnum):
    """What a credential is bound to; it may report for that one name only, never command."""

    AGENT = "agent"
    GUEST = "guest"
    MONITOR = "monitor"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret bound to one host, guest, monitor or source of alerts; only its SHA-256 is kept."""

    id: str
    kind: CredentialKind
    name: str
    secret_sha256: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A project's signing secret in Standard Webhooks form (``whsec_`` and base64)."""

    project: ProjectId
    secret: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks: a user with a project-scoped token, or a credential bound to one name.

    For a credential `user` is its id, `project` is empty, `roles` is empty, and `kind` and `name`
    say what it may speak for. `expires_ns` is when the token ends; 0 for credentials.

    Of a Keystone that is not ours: `domain` is that of a token for a domain and `system` says that
    it is for the whole cloud; `project` is empty in both. `trust` is the trust that it came from.
    `more_roles` are roles, in lower case, that only a policy file can name.
    """

    user: UserId
    user_name: str
    project: ProjectId
    project_name: str = ""
    roles: frozenset[Role] = frozenset()
    kind: CredentialKind | None = None
    name: str = ""
    expires_ns: int = 0
    domain: str = ""
    system: bool = False
    trust: str = ""
    more_roles: frozenset[str] = frozenset()

    @property
    def admin(self) -> bool:
        """Whether the role admin is held in the token's project."""
        return Role.ADMIN in self.roles


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change, for audit: a user or a credential, and where from."""

    user: str
    project: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what to which thing, when and from where; never changed, never deleted early."""

    at_ns: int
    actor: Actor
    action: str
    target: str
    detail: str = ""

    @property
    def id(self) -> str:
        """Name of the line, made of all that it says: the same line has the same name."""
        said = (
            self.at_ns,
            self.actor.user,
            self.actor.project,
            self.actor.source,
            self.action,
            self.target,
            self.detail,
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines of the audit record are wanted; None: whichever.

    `action` is one action or a family of them: ``user`` stands for ``user.create`` and so on.
    `user` and `target` are compared whole. `since_ns` is included, `until_ns` is not.
    """

    action: str | None = None
    user: str | None = None
    target: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None

    def wants(self, record: AuditRecord) -> bool:
        """Return whether a line is among the wanted."""
        return (
            (self.action is None or f"{record.action}.".startswith(f"{self.action}."))
            and self.user in {None, record.actor.user}
            and self.target in {None, record.target}
            and (self.since_ns is None or record.at_ns >= self.since_ns)
            and (self.until_ns is None or record.at_ns < self.until_ns)
        )
