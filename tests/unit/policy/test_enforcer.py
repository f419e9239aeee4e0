"""Policy: the defaults of every face, a file over them, and answers remembered."""

from pathlib import Path

import pytest

from faultwire.domain.accounts import IMPLIED_ROLES, Caller, CredentialKind, Role
from faultwire.domain.errors import Broken, Forbidden, Invalid
from faultwire.domain.ids import ProjectId, UserId
from faultwire.policy import enforcer
from faultwire.policy.enforcer import RULES, PolicyEnforcer, read_overrides

HOME, AWAY = ProjectId("home"), ProjectId("away")


def _caller(*roles: Role, project: ProjectId = HOME, user: str = "u") -> Caller:
    held = frozenset(roles).union(*(IMPLIED_ROLES.get(role, frozenset()) for role in roles))
    return Caller(UserId(user), user, project, roles=held)


ADMIN, MEMBER, READER = _caller(Role.ADMIN), _caller(Role.MEMBER), _caller(Role.READER)
SERVICE, NOBODY = _caller(Role.SERVICE), _caller()
AGENT = Caller(UserId("c"), "c", ProjectId(""), kind=CredentialKind.AGENT, name="h1")


@pytest.mark.parametrize(
    ("rule", "project", "allowed"),
    [
        ("events:post", None, {"admin", "service"}),
        ("faults:list", None, {"admin"}),
        ("inventory:put", None, {"admin"}),
        ("agents:enrol", None, {"admin"}),
        ("marks:post", HOME, {"admin", "member"}),
        ("marks:post", AWAY, {"admin"}),
        ("telemetry:get_alarms", HOME, {"admin", "member", "reader"}),
        ("telemetry:get_alarms", AWAY, {"admin"}),
        ("telemetry:create_alarm", HOME, {"admin", "member"}),
        ("telemetry:create_alarm", AWAY, {"admin"}),
        ("telemetry:get_alarms:all_projects", HOME, {"admin"}),
        ("identity:validate_token", None, {"admin", "service"}),
        ("identity:get_domain", None, {"admin", "member", "reader", "service", "nobody", "agent"}),
    ],
)
def test_the_defaults_give_each_role_its_part(
    rule: str, project: ProjectId | None, allowed: set[str]
) -> None:
    """Roles and whether the project is one's own decide, asked once or twice."""
    callers = {
        "admin": ADMIN,
        "member": MEMBER,
        "reader": READER,
        "service": SERVICE,
        "nobody": NOBODY,
        "agent": AGENT,
    }
    policy = PolicyEnforcer()
    for _ in range(2):
        found = {name for name, one in callers.items() if policy.allowed(rule, one, project)}
        assert found == allowed


def test_a_rule_of_a_project_asked_without_one_is_for_administrators() -> None:
    """Nobody's project is no project of one's own, nor is the empty one."""
    policy = PolicyEnforcer()
    unscoped = _caller(Role.MEMBER, project=ProjectId(""))
    for project in (None, ProjectId("")):
        for caller in (MEMBER, unscoped, AGENT):
            assert not policy.allowed("telemetry:get_alarm", caller, project)
        assert policy.allowed("telemetry:get_alarm", ADMIN, project)


def test_what_is_not_allowed_is_forbidden_by_name() -> None:
    """The error names the rule that was asked."""
    policy = PolicyEnforcer()
    policy.enforce("faults:list", ADMIN)
    with pytest.raises(Forbidden, match="faults:list"):
        policy.enforce("faults:list", MEMBER)


def test_a_rule_that_nobody_wrote_is_a_defect() -> None:
    """A misspelt rule neither allows nor silently denies."""
    with pytest.raises(Broken, match="no:rule"):
        PolicyEnforcer().allowed("no:rule", ADMIN)


def test_a_file_replaces_rules_and_may_name_users_and_projects(tmp_path: Path) -> None:
    """Answers are then kept for each caller and project."""
    path = tmp_path / "policy.yaml"
    path.write_text('"faults:list": "rule:admin_required or user_id:ann"\n"events:post": "!"\n')
    policy = PolicyEnforcer(overrides=read_overrides(path))
    for _ in range(2):
        assert policy.allowed("faults:list", _caller(user="ann"))
        assert not policy.allowed("faults:list", _caller(user="bob"))
        assert not policy.allowed("events:post", ADMIN)
        assert policy.allowed("telemetry:get_alarm", READER, HOME)
        assert not policy.allowed("telemetry:get_alarm", READER, AWAY)


@pytest.mark.parametrize(
    "override",
    [
        {"no:rule": "@"},
        {"faults:list": "role:reader and"},
        {"faults:list": "nonsense"},
        {"faults:list": "rule:nowhere"},
        {"faults:list": "rule:faults:list"},
        {"faults:list": "http://server/check"},
        {"faults:list": "role:admin or https://server/check"},
    ],
)
def test_an_override_that_cannot_be_right_stops_the_start(override: dict[str, str]) -> None:
    """Unknown rules, checks that cannot be read, circles and remote checks are refused."""
    with pytest.raises(Invalid):
        PolicyEnforcer(overrides=override)


@pytest.mark.parametrize("content", [b"- a", b"a: 1", b"1: a", b"a: [", b"\xff\xfe", b"text"])
def test_a_policy_file_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"policy\.yaml"):
        read_overrides(path)
    with pytest.raises(Invalid):
        read_overrides(tmp_path / "none.yaml")


def test_an_empty_policy_file_changes_nothing(tmp_path: Path) -> None:
    """A file of comments is no error."""
    path = tmp_path / "policy.yaml"
    path.write_text("# nothing yet\n")
    assert read_overrides(path) == {}


def test_remembered_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers without end do not fill the memory."""
    monkeypatch.setattr(enforcer, "REMEMBERED", 4)
    policy = PolicyEnforcer(overrides={"faults:list": "user_id:u1"})
    for number in range(20):
        assert policy.allowed("faults:list", _caller(user=f"u{number}")) is (number == 1)
    assert len(policy._answers) <= 4


REFERRED_TO = {
    "admin_required",
    "admin_or_owner",
    "context_is_admin",
    "project_member_or_admin",
    "project_reader_or_admin",
}
"""Rules that no call asks: other rules, and policy files, refer to them."""


def test_every_rule_is_documented_once() -> None:
    """Names are unique, and a rule that is asked tells by which calls."""
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    documented = {rule.name: rule for rule in enforcer.documented()}
    assert set(documented) == set(names)
    assert {rule.name for rule in RULES if not rule.calls} == REFERRED_TO
