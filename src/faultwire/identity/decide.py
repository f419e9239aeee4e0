"""Decisions on users, projects, grants, tokens, credentials and secrets; pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

from faultwire.domain.accounts import (
    Actor,
    Assignment,
    AuditRecord,
    CredentialKind,
    Role,
    User,
)
from faultwire.domain.changes import (
    AssignmentsRemoved,
    AssignmentsSaved,
    Audited,
    Change,
    CredentialsSaved,
    HostsSaved,
    ProjectsRemoved,
    ProjectsSaved,
    SecretsSaved,
    TokensRevoked,
    UsersRemoved,
    UsersSaved,
)
from faultwire.domain.commands import (
    AgentChanged,
    Command,
    Enrol,
    NoteRefusals,
    RemoveProject,
    RemoveUser,
    RetryUnmatched,
    RevokeToken,
    RotateSecret,
    SaveProject,
    SaveUser,
    SetAssignment,
)
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.enrolment import CredentialsRemoved, Disenrol
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.ids import GuestId, HostName, ProjectId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Host
from faultwire.domain.states import AgentState
from faultwire.ports import Decider, Directory, View

C_contra = TypeVar("C_contra", contravariant=True)

OwnsAlarms = Callable[[ProjectId], bool]

SLICE = 1000
"""Resources looked at before others are served."""

_LAST_ADMINISTRATOR = "the last enabled administrator has to stay"
_USER_FIELDS = frozenset(field.name for field in fields(User)) - {"id", "password_ns"}


class Plain(Generic[C_contra]):
    """Implements `ports.Decider` by a function that needs no steps."""

    def __init__(self, decided: Callable[[C_contra, View, Instant], Decided]) -> None:
        """Take the function that decides."""
        self._decided = decided

    def decide(self, command: C_contra, view: View, now: Instant) -> Deciding:
        """Return the decision in its one step."""
        yield None
        return self._decided(command, view, now)


def deciders(directory: Directory, owns_alarms: OwnsAlarms) -> Mapping[type, Decider[Any]]:
    """Return the decider of every command of identity.

    `directory` follows the ledger; `owns_alarms` says whether a project has any alarm.
    """
    users, projects = _Users(directory), _Projects(directory, owns_alarms)
    grants, keys = _Grants(directory), _Keys(directory)
    return {
        SaveUser: Plain(users.save),
        RemoveUser: Plain(users.remove),
        SaveProject: Plain(projects.save),
        RemoveProject: projects,
        SetAssignment: Plain(grants.set),
        RevokeToken: Plain(keys.revoke),
        Enrol: Plain(keys.enrol),
        Disenrol: Plain(keys.disenrol),
        RotateSecret: Plain(keys.rotate),
        NoteRefusals: Plain(_noted),
    }


def _noted(command: NoteRefusals, view: View, now: Instant) -> Decided:
    del view, now
    return Decided(changes=(Audited(command.records),))


def audited(actor: Actor, action: str, target: str, now: Instant, detail: str = "") -> Audited:
    """Return one line of the audit record as a change."""
    return Audited((AuditRecord(now.wall_ns, actor, action, target, detail),))


def _keep_an_administrator(directory: Directory, stays: Callable[[Assignment], bool]) -> None:
    """Raise Conflict where no enabled user would be left as administrator of any project.

    `stays` tells which grants are still there afterwards.
    """
    for one in directory.assignments():
        if one.role is not Role.ADMIN or not stays(one):
            continue
        user = directory.user(one.user)
        if user is not None and user.enabled:
            return
    raise Conflict(_LAST_ADMINISTRATOR)


def _administers(directory: Directory, user: UserId) -> bool:
    return any(
        Role.ADMIN in directory.roles(user, project.id) for project in directory.projects_of(user)
    )


class _Users:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def save(self, command: SaveUser, view: View, now: Instant) -> Decided:
        del view
        before = self._directory.user(command.user.id)
        if command.new:
            if before is not None:
                raise Conflict(f"user {command.user.id} exists")
            user = replace(command.user, password_ns=now.wall_ns)
            action, detail = "user.create", user.name
        else:
            if before is None:
                raise NotFound(f"Could not find user: {command.user.id}.")
            user, changed = _merged(before, command, now)
            if not changed:
                return Decided(answer=before)
            action, detail = "user.update", ", ".join(sorted(changed))
        other = self._directory.user_named(user.name)
        if other is not None and other.id != user.id:
            raise Conflict(f"there is a user named {user.name} already")
        if before is not None and before.enabled and not user.enabled:
            self._may_go(user.id)
        changes = (UsersSaved((user,)), audited(command.actor, action, user.id, now, detail))
        return Decided(answer=user, changes=changes)

    def remove(self, command: RemoveUser, view: View, now: Instant) -> Decided:
        del view
        user = self._directory.user(command.user_id)
        if user is None:
            raise NotFound(f"Could not find user: {command.user_id}.")
        if user.enabled:
            self._may_go(user.id)
        line = audited(command.actor, "user.delete", user.id, now, user.name)
        return Decided(changes=(UsersRemoved((user.id,)), line))

    def _may_go(self, user: UserId) -> None:
        if _administers(self._directory, user):
            _keep_an_administrator(self._directory, lambda one: one.user != user)


def _merged(before: User, command: SaveUser, now: Instant) -> tuple[User, set[str]]:
    """Return the user with the wanted fields taken over, and the names of those that differ.

    Tokens issued so far become void when the password changes or the user is disabled.
    """
    wanted = (command.fields or _USER_FIELDS) & _USER_FIELDS
    news = {name: getattr(command.user, name) for name in wanted}
    changed = {name for name, value in news.items() if value != getattr(before, name)}
    user = replace(before, **news)
    if "password_hash" in changed or (before.enabled and not user.enabled):
        # Never back, so that a wall clock set back gives no old token its force again.
        user = replace(user, password_ns=max(now.wall_ns, before.password_ns + 1))
    return user, changed


class _Projects:
    """The decider of RemoveProject, in slices, and the decision on SaveProject."""

    def __init__(self, directory: Directory, owns_alarms: OwnsAlarms) -> None:
        self._directory = directory
        self._owns_alarms = owns_alarms

    def save(self, command: SaveProject, view: View, now: Instant) -> Decided:
        del view
        project = command.project
        before = self._directory.project(project.id)
        if command.new and before is not None:
            raise Conflict(f"project {project.id} exists")
        if not command.new and before is None:
            raise NotFound(f"Could not find project: {project.id}.")
        other = self._directory.project_named(project.name)
        if other is not None and other.id != project.id:
            raise Conflict(f"there is a project named {project.name} already")
        if project == before:
            return Decided(answer=before)
        action = "project.create" if command.new else "project.update"
        line = audited(command.actor, action, project.id, now, project.name)
        return Decided(answer=project, changes=(ProjectsSaved((project,)), line))

    def decide(self, command: RemoveProject, view: View, now: Instant) -> Deciding:
        """Remove a project that owns nothing."""
        project = self._directory.project(command.project_id)
        if project is None:
            raise NotFound(f"Could not find project: {command.project_id}.")
        if self._owns_alarms(project.id):
            raise Conflict(f"project {project.name} has alarms")
        for count, (kind, owner) in enumerate(_owned(view)):
            if owner == project.id:
                raise Conflict(f"project {project.name} has {kind}")
            if count % SLICE == 0:
                yield None
        _keep_an_administrator(self._directory, lambda one: one.project != project.id)
        line = audited(command.actor, "project.delete", project.id, now, project.name)
        return Decided(changes=(ProjectsRemoved((project.id,)), line))


def _owned(view: View) -> Iterator[tuple[str, ProjectId]]:
    for server in view.servers():
        yield "servers", server.project
    for port in view.ports():
        yield "ports", port.project
    for guest in view.guests():
        yield "guests", guest.project


class _Grants:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def set(self, command: SetAssignment, view: View, now: Instant) -> Decided:
        del view
        one = command.assignment
        if self._directory.user(one.user) is None:
            raise NotFound(f"Could not find user: {one.user}.")
        if self._directory.project(one.project) is None:
            raise NotFound(f"Could not find project: {one.project}.")
        held = one.role in self._directory.granted(one.user, one.project)
        if command.granted:
            if held:
                return Decided(answer=one)
            change: Change = AssignmentsSaved((one,))
            action = "role.grant"
        else:
            if not held:
                raise NotFound(f"{one.user} does not hold {one.role} in {one.project}.")
            if one.role is Role.ADMIN:
                _keep_an_administrator(self._directory, lambda other: other != one)
            change, action = AssignmentsRemoved((one,)), "role.revoke"
        detail = f"{one.role} in {one.project}"
        line = audited(command.actor, action, one.user, now, detail)
        return Decided(answer=one, changes=(change, line))


class _Keys:
    """Tokens, credentials and signing secrets."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def revoke(self, command: RevokeToken, view: View, now: Instant) -> Decided:
        del view
        revocation = command.revocation
        if self._directory.revoked(revocation.token_id):
            return Decided()
        line = audited(command.actor, "token.revoke", revocation.token_id, now)
        return Decided(changes=(TokensRevoked((revocation,)), line))

    def enrol(self, command: Enrol, view: View, now: Instant) -> Decided:
        credential = command.credential
        changes: list[Change] = []
        then: tuple[Command, ...] = ()
        if credential.kind is CredentialKind.AGENT:
            name = HostName(credential.name)
            if view.entry(name) is None:
                changes.append(HostsSaved((Host(name),)))
                then = (RetryUnmatched(),)
        guest = GuestId(credential.name)
        if credential.kind is CredentialKind.GUEST and view.guest(guest) is None:
            raise NotFound(f"no guest {guest} is in the inventory")
        target = f"{credential.kind}/{credential.name}"
        changes.append(CredentialsSaved((credential,)))
        changes.append(audited(command.actor, "credential.enrol", target, now))
        return Decided(answer=credential, changes=tuple(changes), then=then)

    def disenrol(self, command: Disenrol, view: View, now: Instant) -> Decided:
        kind, name = command.kind, command.name
        if self._directory.credential(kind, name) is None:
            raise NotFound(f"no {kind.value} {name} is enrolled")
        line = audited(command.actor, "credential.revoke", f"{kind.value}/{name}", now)
        then: tuple[Command, ...] = ()
        if kind is CredentialKind.AGENT:
            host = HostName(name)
            entry = view.entry(host)
            if entry is not None and entry.host.agent is AgentState.CONNECTED:
                then = (AgentChanged(host, AgentState.GONE),)
        return Decided(changes=(CredentialsRemoved(kind, (name,)), line), then=then)

    def rotate(self, command: RotateSecret, view: View, now: Instant) -> Decided:
        del view
        project = command.secret.project
        if project and self._directory.project(project) is None:
            raise NotFound(f"Could not find project: {project}.")
        kept = (command.secret, *self._directory.secrets(project)[:1])
        line = audited(command.actor, "secret.rotate", project, now)
        return Decided(answer=kept, changes=(SecretsSaved(project, kept), line))
