"""Decisions on accounts: what is refused, what is changed, what is written down."""

from dataclasses import replace

import pytest

from faultwire.domain.accounts import (
    Assignment,
    Credential,
    CredentialKind,
    Revocation,
    Role,
    User,
    WebhookSecret,
)
from faultwire.domain.changes import (
    AssignmentsSaved,
    Audited,
    CredentialsSaved,
    HostsSaved,
    PortsSaved,
    ProjectsRemoved,
    SecretsSaved,
    ServersSaved,
    TokensRevoked,
    UsersSaved,
)
from faultwire.domain.commands import (
    AgentChanged,
    Command,
    Enrol,
    RemoveProject,
    RemoveUser,
    RetryUnmatched,
    RevokeToken,
    RotateSecret,
    SaveProject,
    SaveUser,
    SetAssignment,
)
from faultwire.domain.enrolment import CredentialsRemoved, Disenrol
from faultwire.domain.errors import Conflict, NotFound
from faultwire.domain.guest_changes import GuestsSaved
from faultwire.domain.ids import GuestId, HostName, PortId, ProjectId, ServerId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Guest, Host, Port, Project, Server
from faultwire.domain.states import AgentState
from faultwire.resourcemap.index import ResourceMap
from tests.unit.identity.cloud import (
    ACTOR,
    ADMIN,
    ADMIN_GRANT,
    ADMIN_PROJECT,
    DEMO,
    DEMO_GRANT,
    DEMO_PROJECT,
    NOW,
    decide,
    directory,
    run,
)

NEW = User(UserId("u-new"), "new", "$2b$hash", 0)


def _audit(changes: tuple[object, ...]) -> list[tuple[str, str]]:
    records = [one for change in changes if isinstance(change, Audited) for one in change.records]
    assert all((one.actor, one.at_ns) == (ACTOR, NOW.wall_ns) for one in records)
    return [(one.action, one.target) for one in records]


def test_a_new_user_gets_the_time_of_its_password_from_the_decision() -> None:
    """`password_ns` is not the caller's to choose."""
    decided = decide(directory(), SaveUser(replace(NEW, password_ns=999_999), True, ACTOR))
    saved = replace(NEW, password_ns=NOW.wall_ns)
    assert decided.answer == saved
    assert decided.changes[0] == UsersSaved((saved,))
    assert _audit(decided.changes) == [("user.create", NEW.id)]


def test_a_change_takes_over_only_the_named_fields() -> None:
    """Two changes at once do not undo each other."""
    known = directory()
    run(known, SaveUser(replace(DEMO, enabled=False), False, ACTOR, frozenset({"enabled"})))
    renamed = replace(DEMO, name="renamed")
    decided = run(known, SaveUser(renamed, False, ACTOR, frozenset({"name"})))
    assert isinstance(decided.answer, User)
    assert (decided.answer.name, decided.answer.enabled) == ("renamed", False)


@pytest.mark.parametrize(
    ("change", "voids"),
    [
        ({"password_hash": "other"}, True),
        ({"enabled": False}, True),
        ({"name": "other"}, False),
        ({"default_project": ProjectId("p-demo")}, False),
    ],
)
def test_tokens_become_void_with_password_and_disabling(
    change: dict[str, object], voids: bool
) -> None:
    """`password_ns` moves, and only forward, when tokens issued so far must end."""
    late = replace(DEMO, password_ns=NOW.wall_ns + 5)
    known = directory()
    known.apply(UsersSaved((late,)))
    decided = decide(known, SaveUser(replace(late, **change), False, ACTOR))
    assert isinstance(decided.answer, User)
    assert decided.answer.password_ns == late.password_ns + (1 if voids else 0)


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    """Saving what is there already is answered without a commit."""
    for command in (
        SaveUser(DEMO, False, ACTOR),
        SaveProject(DEMO_PROJECT, False, ACTOR),
        SetAssignment(DEMO_GRANT, True, ACTOR),
    ):
        decided = decide(directory(), command)
        assert decided.changes == ()
        assert decided.answer is not None


@pytest.mark.parametrize(
    "command",
    [
        SaveUser(replace(NEW, name="demo"), True, ACTOR),
        SaveUser(replace(NEW, id=DEMO.id), True, ACTOR),
        SaveUser(replace(DEMO, name="admin"), False, ACTOR),
        SaveProject(Project(ProjectId("p"), "demo"), True, ACTOR),
        SaveProject(replace(DEMO_PROJECT, name="other"), True, ACTOR),
        SaveProject(replace(DEMO_PROJECT, name="admin"), False, ACTOR),
        RemoveUser(ADMIN.id, ACTOR),
        SaveUser(replace(ADMIN, enabled=False), False, ACTOR),
        SetAssignment(ADMIN_GRANT, False, ACTOR),
        RemoveProject(ADMIN_PROJECT.id, ACTOR),
    ],
)
def test_what_would_break_the_cloud_is_a_conflict(command: Command) -> None:
    """Names are unique, and the last enabled administrator stays."""
    with pytest.raises(Conflict):
        decide(directory(), command)


@pytest.mark.parametrize(
    "command",
    [
        SaveUser(NEW, False, ACTOR),
        RemoveUser(NEW.id, ACTOR),
        SaveProject(Project(ProjectId("p"), "p"), False, ACTOR),
        RemoveProject(ProjectId("p"), ACTOR),
        SetAssignment(Assignment(NEW.id, DEMO_PROJECT.id, Role.READER), True, ACTOR),
        SetAssignment(Assignment(DEMO.id, ProjectId("p"), Role.READER), True, ACTOR),
        SetAssignment(Assignment(DEMO.id, DEMO_PROJECT.id, Role.READER), False, ACTOR),
        RotateSecret(WebhookSecret(ProjectId("p"), "s", 1), ACTOR),
    ],
)
def test_what_is_not_there_is_not_found(command: Command) -> None:
    """Unknown users, projects and grants; an implied role was never granted."""
    with pytest.raises(NotFound):
        decide(directory(), command)


def test_a_disabled_administrator_does_not_count() -> None:
    """The last enabled one stays even if others are only disabled."""
    known = directory()
    second = Assignment(DEMO.id, DEMO_PROJECT.id, Role.ADMIN)
    known.apply(AssignmentsSaved((second,)))
    known.apply(UsersSaved((replace(DEMO, enabled=False),)))
    with pytest.raises(Conflict):
        decide(known, RemoveUser(ADMIN.id, ACTOR))
    assert decide(known, RemoveUser(DEMO.id, ACTOR)).changes
    known.apply(UsersSaved((DEMO,)))
    assert decide(known, RemoveUser(ADMIN.id, ACTOR)).changes


@pytest.mark.parametrize(
    "owned",
    [
        ServersSaved((Server(ServerId("s"), "s", DEMO_PROJECT.id, HostName("h")),)),
        PortsSaved((Port(PortId("p"), DEMO_PROJECT.id),)),
        GuestsSaved((Guest(GuestId("g"), "g", DEMO_PROJECT.id),)),
    ],
)
def test_a_project_stays_while_it_owns_resources(owned: ServersSaved) -> None:
    """Servers, ports and guests each hold their project."""
    inventory = ResourceMap()
    inventory.apply(HostsSaved((Host(HostName("h")),)))
    inventory.apply(owned)
    with pytest.raises(Conflict):
        decide(directory(), RemoveProject(DEMO_PROJECT.id, ACTOR), inventory)
    other = directory()
    run(other, SaveProject(Project(ProjectId("p"), "p"), True, ACTOR))
    assert decide(other, RemoveProject(ProjectId("p"), ACTOR), inventory).changes


def test_a_project_stays_while_it_has_alarms() -> None:
    """Alarms hold their project; without any it goes."""
    command = RemoveProject(DEMO_PROJECT.id, ACTOR)
    with pytest.raises(Conflict):
        decide(directory(), command, alarms=frozenset({DEMO_PROJECT.id}))
    decided = decide(directory(), command)
    assert decided.changes[0] == ProjectsRemoved((DEMO_PROJECT.id,))
    assert _audit(decided.changes) == [("project.delete", DEMO_PROJECT.id)]


def test_enrolling_an_agent_creates_its_host_and_looks_at_waiting_faults() -> None:
    """A host appears when its agent enrols; faults that waited for it are looked at (D22)."""
    credential = Credential("c", CredentialKind.AGENT, "h1", "digest", 1)
    decided = decide(directory(), Enrol(credential, ACTOR))
    assert decided.changes[:2] == (
        HostsSaved((Host(HostName("h1")),)),
        CredentialsSaved((credential,)),
    )
    assert decided.then == (RetryUnmatched(),)
    assert decided.answer == credential
    assert _audit(decided.changes) == [("credential.enrol", "agent/h1")]


def test_enrolling_a_known_host_changes_its_credential_alone() -> None:
    """The host is left as it is, and nothing follows."""
    inventory = ResourceMap()
    inventory.apply(HostsSaved((Host(HostName("h1"), zone="z"),)))
    credential = Credential("c", CredentialKind.AGENT, "h1", "digest", 1)
    decided = decide(directory(), Enrol(credential, ACTOR), inventory)
    assert [type(change) for change in decided.changes] == [CredentialsSaved, Audited]
    assert decided.then == ()


def test_enrolling_a_guest_creates_no_host() -> None:
    """Only agents bring hosts; a guest must be in the map before it gets a credential."""
    credential = Credential("c", CredentialKind.GUEST, "g1", "digest", 1)
    with pytest.raises(NotFound):
        decide(directory(), Enrol(credential, ACTOR))
    inventory = ResourceMap()
    inventory.apply(GuestsSaved((Guest(GuestId("g1"), "g", DEMO_PROJECT.id),)))
    decided = decide(directory(), Enrol(credential, ACTOR), inventory)
    assert [type(change) for change in decided.changes] == [CredentialsSaved, Audited]


def test_an_enrolment_ends() -> None:
    """The credential is void and the audit record has it; who is not enrolled is not found."""
    known = directory()
    known.apply(CredentialsSaved((Credential("c", CredentialKind.MONITOR, "m1", "digest", 1),)))
    ending = Disenrol(CredentialKind.MONITOR, "m1", ACTOR)
    decided = decide(known, ending)
    gone = CredentialsRemoved(CredentialKind.MONITOR, ("m1",))
    assert decided.changes[0] == gone
    assert _audit(decided.changes) == [("credential.revoke", "monitor/m1")]
    known.apply(gone)
    assert known.credential(CredentialKind.MONITOR, "m1") is None
    with pytest.raises(NotFound, match="no monitor m1 is enrolled"):
        decide(known, ending)


@pytest.mark.parametrize("state", [AgentState.CONNECTED, AgentState.GONE])
def test_an_agent_whose_enrolment_ends_is_gone(state: AgentState) -> None:
    """Its host is not expected to be heard: as after a goodbye (D24)."""
    known, inventory = directory(), ResourceMap()
    inventory.apply(HostsSaved((Host(HostName("h1"), agent=state),)))
    known.apply(CredentialsSaved((Credential("c", CredentialKind.AGENT, "h1", "digest", 1),)))
    decided = decide(known, Disenrol(CredentialKind.AGENT, "h1", ACTOR), inventory)
    told = (AgentChanged(HostName("h1"), AgentState.GONE),)
    assert decided.then == (told if state is AgentState.CONNECTED else ())


def test_two_secrets_are_valid_while_rotating() -> None:
    """The newest and the one before; older ones go."""
    known = directory()
    first, second, third = (WebhookSecret(DEMO_PROJECT.id, text, 1) for text in "abc")
    for secret in (first, second):
        run(known, RotateSecret(secret, ACTOR))
    decided = run(known, RotateSecret(third, ACTOR))
    assert decided.answer == (third, second)
    assert decided.changes[0] == SecretsSaved(DEMO_PROJECT.id, (third, second))
    assert known.secrets(DEMO_PROJECT.id) == (third, second)


def test_a_token_is_revoked_once() -> None:
    """Revoking again changes nothing and is no error."""
    known = directory()
    command = RevokeToken(Revocation("t", 50), ACTOR)
    decided = run(known, command)
    assert decided.changes[0] == TokensRevoked((Revocation("t", 50),))
    assert decide(known, command).changes == ()


def test_a_grant_is_recorded_with_role_and_project() -> None:
    """The audit record says who got what where."""
    grant = Assignment(DEMO.id, ADMIN_PROJECT.id, Role.SERVICE)
    decided = decide(directory(), SetAssignment(grant, True, ACTOR), now=Instant(1_000))
    assert decided.changes[0] == AssignmentsSaved((grant,))
    assert _audit(decided.changes) == [("role.grant", DEMO.id)]
