"""Users, projects, grants, revocations, credentials and secrets in memory."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from faultwire.domain import changes
from faultwire.domain.accounts import (
    IMPLIED_ROLES,
    Assignment,
    Credential,
    CredentialKind,
    Revocation,
    Role,
    User,
    WebhookSecret,
)
from faultwire.domain.enrolment import CredentialsRemoved
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.resources import Project

NO_ROLES: frozenset[Role] = frozenset()

N = TypeVar("N", User, Project)


class _Named(Generic[N]):
    """Things with an id and a unique name, found by either; sorted by name when asked."""

    def __init__(self) -> None:
        self.by_id: dict[str, N] = {}
        self.by_name: dict[str, N] = {}
        self._sorted: list[str] | None = None

    def put(self, thing: N) -> None:
        before = self.by_id.get(thing.id)
        if before is None or before.name != thing.name:
            self._sorted = None
            if before is not None and self.by_name.get(before.name) is before:
                del self.by_name[before.name]
        self.by_id[thing.id] = thing
        self.by_name[thing.name] = thing

    def drop(self, id: str) -> None:
        before = self.by_id.pop(id, None)
        if before is not None and self.by_name.get(before.name) is before:
            del self.by_name[before.name]
            self._sorted = None

    def in_order(self) -> Iterator[N]:
        if self._sorted is None:
            self._sorted = sorted(self.by_name)
        return map(self.by_name.__getitem__, self._sorted)


class MemoryDirectory:
    """Implements `ports.Directory`. It has one writer, `apply`, on the event loop.

    Every look-up takes constant time. `generation` grows with every change that may void a
    token or change what it allows, so that a cache knows when to look again.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.generation = 0
        self._users = _Named[User]()
        self._projects = _Named[Project]()
        self._granted: dict[tuple[UserId, ProjectId], frozenset[Role]] = {}
        self._effective: dict[tuple[UserId, ProjectId], frozenset[Role]] = {}
        self._projects_of: dict[UserId, set[ProjectId]] = {}
        self._users_in: dict[ProjectId, set[UserId]] = {}
        self._revoked: dict[str, int] = {}
        self._endings: list[tuple[int, str]] = []
        self._credentials: dict[tuple[CredentialKind, str], Credential] = {}
        self._secrets: dict[ProjectId, tuple[WebhookSecret, ...]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.UsersSaved: self._users_saved,
            changes.UsersRemoved: self._users_removed,
            changes.ProjectsSaved: self._projects_saved,
            changes.ProjectsRemoved: self._projects_removed,
            changes.AssignmentsSaved: self._assignments_saved,
            changes.AssignmentsRemoved: self._assignments_removed,
            changes.TokensRevoked: self._tokens_revoked,
            changes.CredentialsSaved: self._credentials_saved,
            CredentialsRemoved: lambda change: self._void(change.kind, change.names),
            changes.HostsRemoved: lambda c: self._void(CredentialKind.AGENT, c.hosts),
            GuestsRemoved: lambda c: self._void(CredentialKind.GUEST, c.guests),
            changes.SecretsSaved: self._secrets_saved,
        }

    # ------------------------------------------------------------ writing

    def load(
        self,
        *,
        users: Iterable[User] = (),
        projects: Iterable[Project] = (),
        assignments: Iterable[Assignment] = (),
        revocations: Iterable[Revocation] = (),
        credentials: Iterable[Credential] = (),
        secrets: Iterable[WebhookSecret] = (),
    ) -> None:
        """Take what is stored; secrets newest first within each project."""
        self._projects_saved(changes.ProjectsSaved(tuple(projects)))
        self._users_saved(changes.UsersSaved(tuple(users)))
        self._assignments_saved(changes.AssignmentsSaved(tuple(assignments)))
        self._tokens_revoked(changes.TokensRevoked(tuple(revocations)))
        self._credentials_saved(changes.CredentialsSaved(tuple(credentials)))
        for secret in secrets:
            self._secrets[secret.project] = (*self._secrets.get(secret.project, ()), secret)

    def apply(self, change: changes.Change) -> None:
        """Take a committed change, or pass it over if it is about something else."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def forget_revocations(self, now_ns: int) -> None:
        """Drop the revocations of tokens that would have ended by now anyway."""
        while self._endings and self._endings[0][0] <= now_ns:
            self._revoked.pop(heapq.heappop(self._endings)[1], None)

    def _users_saved(self, change: changes.UsersSaved) -> None:
        self.generation += 1
        for user in change.users:
            self._users.put(user)

    def _users_removed(self, change: changes.UsersRemoved) -> None:
        self.generation += 1
        for user in change.users:
            self._users.drop(user)
            for project in tuple(self._projects_of.get(user, ())):
                self._set_roles(user, project, NO_ROLES)

    def _projects_saved(self, change: changes.ProjectsSaved) -> None:
        self.generation += 1
        for project in change.projects:
            self._projects.put(project)

    def _projects_removed(self, change: changes.ProjectsRemoved) -> None:
        self.generation += 1
        for project in change.projects:
            self._projects.drop(project)
            self._secrets.pop(project, None)
            for user in tuple(self._users_in.get(project, ())):
                self._set_roles(user, project, NO_ROLES)

    def _assignments_saved(self, change: changes.AssignmentsSaved) -> None:
        self.generation += 1
        for one in change.assignments:
            self._set_roles(one.user, one.project, self._held(one) | {one.role})

    def _assignments_removed(self, change: changes.AssignmentsRemoved) -> None:
        self.generation += 1
        for one in change.assignments:
            self._set_roles(one.user, one.project, self._held(one) - {one.role})

    def _held(self, one: Assignment) -> frozenset[Role]:
        return self._granted.get((one.user, one.project), NO_ROLES)

    def _set_roles(self, user: UserId, project: ProjectId, roles: frozenset[Role]) -> None:
        key = user, project
        if roles:
            self._granted[key] = roles
            self._effective[key] = roles.union(*(IMPLIED_ROLES.get(r, NO_ROLES) for r in roles))
            self._projects_of.setdefault(user, set()).add(project)
            self._users_in.setdefault(project, set()).add(user)
            return
        self._granted.pop(key, None)
        self._effective.pop(key, None)
        _discard(self._projects_of, user, project)
        _discard(self._users_in, project, user)

    def _tokens_revoked(self, change: changes.TokensRevoked) -> None:
        self.generation += 1
        for one in change.revocations:
            self._revoked[one.token_id] = one.expires_ns
            heapq.heappush(self._endings, (one.expires_ns, one.token_id))

    def _credentials_saved(self, change: changes.CredentialsSaved) -> None:
        for one in change.credentials:
            self._credentials[one.kind, one.name] = one

    def _void(self, kind: CredentialKind, names: Iterable[str]) -> None:
        for name in names:
            self._credentials.pop((kind, name), None)

    def _secrets_saved(self, change: changes.SecretsSaved) -> None:
        if change.secrets:
            self._secrets[change.project] = change.secrets
        else:
            self._secrets.pop(change.project, None)

    # ------------------------------------------------------------ reading

    def user(self, user: UserId) -> User | None:
        """Return a user by id."""
        return self._users.by_id.get(user)

    def user_named(self, name: str) -> User | None:
        """Return a user by name."""
        return self._users.by_name.get(name)

    def users(self) -> Iterator[User]:
        """Return all users in order of name; do not await while iterating."""
        return self._users.in_order()

    def project(self, project: ProjectId) -> Project | None:
        """Return a project by id."""
        return self._projects.by_id.get(project)

    def project_named(self, name: str) -> Project | None:
        """Return a project by name."""
        return self._projects.by_name.get(name)

    def projects(self) -> Iterator[Project]:
        """Return all projects in order of name; do not await while iterating."""
        return self._projects.in_order()

    def roles(self, user: UserId, project: ProjectId) -> frozenset[Role]:
        """Return the roles a user holds in a project, implied ones included."""
        return self._effective.get((user, project), NO_ROLES)

    def granted(self, user: UserId, project: ProjectId) -> frozenset[Role]:
        """Return the roles granted to a user in a project, without implied ones."""
        return self._granted.get((user, project), NO_ROLES)

    def projects_of(self, user: UserId) -> tuple[Project, ...]:
        """Return the projects in which a user holds a role, in order of name."""
        found = (self.project(project) for project in self._projects_of.get(user, ()))
        return tuple(sorted(filter(None, found), key=lambda project: project.name))

    def assignments(self) -> Iterator[Assignment]:
        """Return all grants, without implied roles; do not await while iterating."""
        return (
            Assignment(user, project, role)
            for (user, project), roles in self._granted.items()
            for role in sorted(roles)
        )

    def revoked(self, token_id: str) -> bool:
        """Return whether a token was revoked."""
        return token_id in self._revoked

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """Return the credential bound to a name."""
        return self._credentials.get((kind, name))

    def bound(self, kind: CredentialKind) -> tuple[str, ...]:
        """Return the names that credentials of a kind are bound to, in order."""
        return tuple(sorted(name for one, name in self._credentials if one is kind))

    def secrets(self, project: ProjectId) -> tuple[WebhookSecret, ...]:
        """Return a project's valid signing secrets, newest first."""
        return self._secrets.get(project, ())


def _discard(sets: dict[Any, set[Any]], key: Any, value: Any) -> None:
    held = sets.get(key)
    if held is not None:
        held.discard(value)
        if not held:
            del sets[key]
