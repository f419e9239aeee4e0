"""The directory follows changes and finds what it holds."""

from dataclasses import replace

from faultwire.domain.accounts import (
    Assignment,
    Credential,
    CredentialKind,
    Revocation,
    Role,
    WebhookSecret,
)
from faultwire.domain.changes import (
    AssignmentsRemoved,
    AssignmentsSaved,
    CredentialsSaved,
    HostsRemoved,
    HostsSaved,
    ProjectsRemoved,
    ProjectsSaved,
    SecretsSaved,
    TokensRevoked,
    UsersRemoved,
    UsersSaved,
)
from faultwire.domain.ids import HostName, ProjectId
from faultwire.domain.resources import Host, Project
from tests.unit.identity.cloud import (
    ADMIN,
    ADMIN_GRANT,
    ADMIN_PROJECT,
    DEMO,
    DEMO_GRANT,
    DEMO_PROJECT,
    directory,
)


def test_users_and_projects_are_found_by_id_and_name_and_listed_by_name() -> None:
    """What was loaded is there, under both keys, in order of name."""
    known = directory()
    assert known.user(DEMO.id) is known.user_named("demo") is DEMO
    assert known.project(DEMO_PROJECT.id) is known.project_named("demo") is DEMO_PROJECT
    assert [user.name for user in known.users()] == ["admin", "demo"]
    known.apply(ProjectsSaved((Project(ProjectId("p"), "bravo"),)))
    assert [project.name for project in known.projects()] == ["admin", "bravo", "demo"]


def test_a_renamed_user_is_not_found_under_its_old_name() -> None:
    """Names follow changes, even where two swap theirs in one commit."""
    known = directory()
    known.apply(UsersSaved((replace(ADMIN, name="demo"), replace(DEMO, name="admin"))))
    admin, demo = known.user_named("demo"), known.user_named("admin")
    assert admin is not None
    assert demo is not None
    assert (admin.id, demo.id) == (ADMIN.id, DEMO.id)
    known.apply(UsersSaved((replace(ADMIN, name="root"), DEMO)))
    assert known.user_named("admin") is None
    assert [user.name for user in known.users()] == ["demo", "root"]


def test_roles_come_with_those_that_they_imply() -> None:
    """`roles` holds implied ones, `granted` and `assignments` do not."""
    known = directory()
    key = ADMIN.id, ADMIN_PROJECT.id
    assert known.roles(*key) == {Role.ADMIN, Role.MEMBER, Role.READER}
    assert known.granted(*key) == {Role.ADMIN}
    assert set(known.assignments()) == {ADMIN_GRANT, DEMO_GRANT}
    assert known.roles(DEMO.id, ADMIN_PROJECT.id) == frozenset()
    extra = Assignment(DEMO.id, DEMO_PROJECT.id, Role.SERVICE)
    known.apply(AssignmentsSaved((extra, extra)))
    assert known.roles(DEMO.id, DEMO_PROJECT.id) == {Role.MEMBER, Role.READER, Role.SERVICE}
    known.apply(AssignmentsRemoved((DEMO_GRANT,)))
    assert known.roles(DEMO.id, DEMO_PROJECT.id) == {Role.SERVICE}
    assert known.projects_of(DEMO.id) == (DEMO_PROJECT,)
    known.apply(AssignmentsRemoved((extra,)))
    assert known.projects_of(DEMO.id) == ()


def test_what_goes_takes_its_grants_along() -> None:
    """A removed user or project leaves no grant, and a project no secret."""
    known = directory()
    known.apply(UsersRemoved((ADMIN.id,)))
    assert list(known.assignments()) == [DEMO_GRANT]
    known.apply(SecretsSaved(DEMO_PROJECT.id, (WebhookSecret(DEMO_PROJECT.id, "s", 1),)))
    known.apply(ProjectsRemoved((DEMO_PROJECT.id,)))
    assert list(known.assignments()) == []
    assert known.secrets(DEMO_PROJECT.id) == ()
    assert known.project_named("demo") is None


def test_a_removed_host_loses_its_agents_credential_only() -> None:
    """Credentials of other kinds and hosts stay."""
    known = directory()
    agents = [Credential(name, CredentialKind.AGENT, name, "d", 1) for name in ("h1", "h2")]
    guest = Credential("g", CredentialKind.GUEST, "h1", "d", 1)
    known.apply(CredentialsSaved((*agents, guest)))
    known.apply(HostsRemoved((HostName("h1"),)))
    assert known.credential(CredentialKind.AGENT, "h1") is None
    assert known.credential(CredentialKind.AGENT, "h2") is agents[1]
    assert known.credential(CredentialKind.GUEST, "h1") is guest


def test_revocations_are_kept_until_their_tokens_would_have_ended() -> None:
    """What is forgotten is only what has expired by itself."""
    known = directory()
    known.apply(TokensRevoked((Revocation("late", 20), Revocation("soon", 10))))
    known.forget_revocations(10)
    assert not known.revoked("soon")
    assert known.revoked("late")


def test_secrets_are_replaced_as_a_whole() -> None:
    """A project has the secrets of the last change, newest first."""
    known = directory()
    pair = tuple(WebhookSecret(DEMO_PROJECT.id, text, 1) for text in ("new", "old"))
    known.load(secrets=pair)
    assert known.secrets(DEMO_PROJECT.id) == pair
    known.apply(SecretsSaved(DEMO_PROJECT.id, pair[:1]))
    assert known.secrets(DEMO_PROJECT.id) == pair[:1]
    known.apply(SecretsSaved(DEMO_PROJECT.id, ()))
    assert known.secrets(DEMO_PROJECT.id) == ()


def test_only_what_concerns_tokens_makes_a_new_generation() -> None:
    """Changes of users, projects, grants and revocations do; of hosts and secrets do not."""
    known = directory()
    before = known.generation
    known.apply(HostsSaved((Host(HostName("h")),)))
    known.apply(SecretsSaved(DEMO_PROJECT.id, ()))
    assert known.generation == before
    for change in (
        UsersSaved((DEMO,)),
        ProjectsSaved((DEMO_PROJECT,)),
        AssignmentsSaved((DEMO_GRANT,)),
        AssignmentsRemoved((DEMO_GRANT,)),
        TokensRevoked((Revocation("t", 1),)),
        UsersRemoved((DEMO.id,)),
        ProjectsRemoved((DEMO_PROJECT.id,)),
    ):
        known.apply(change)
        assert known.generation > before
        before = known.generation
