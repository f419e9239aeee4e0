"""Tokens are signed, read, looked at again when anything changed, and void in time."""

from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from faultwire.domain.accounts import Assignment, CredentialKind, Revocation, Role
from faultwire.domain.changes import (
    AssignmentsRemoved,
    AssignmentsSaved,
    CredentialsSaved,
    ProjectsRemoved,
    TokensRevoked,
    UsersRemoved,
    UsersSaved,
)
from faultwire.domain.errors import Broken, Unauthenticated
from faultwire.domain.ids import ProjectId
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.credentials import header_of, mint
from faultwire.identity.settings import Settings
from faultwire.identity.tokens import (
    ALGORITHM,
    KEY_BYTES,
    NS,
    Claims,
    Signer,
    keep_key,
    new_audit_id,
)
from faultwire.testing.clock import ManualClock
from tests.unit.identity.cloud import DEMO, DEMO_GRANT, DEMO_PROJECT, directory

KEY = b"k" * KEY_BYTES


class Desk:
    """A signer and an authenticator over one directory and one clock."""

    def __init__(self, limit: int = 10) -> None:
        self.clock = ManualClock()
        self.directory = directory()
        self.signer = Signer(KEY)
        settings = Settings(token_cache=limit)
        self.authenticator = TokenAuthenticator(self.signer, self.directory, self.clock, settings)

    def token(self, project: str = DEMO_PROJECT.id, **changes: object) -> str:
        now = self.clock.wall_ns()
        claims = Claims(
            DEMO.id, ProjectId(project), ("password",), (new_audit_id(),), now, now + 60 * NS
        )
        return self.signer.sign(replace(claims, **changes))

    def refused(self, token: str) -> bool:
        try:
            self.authenticator.token(token)
        except Unauthenticated:
            return True
        return False


def test_a_token_says_who_speaks_where() -> None:
    """The caller has the user, the project, its roles and the token's end."""
    desk = Desk()
    caller = desk.authenticator.token(desk.token())
    assert (caller.user, caller.user_name) == (DEMO.id, "demo")
    assert (caller.project, caller.project_name) == (DEMO_PROJECT.id, "demo")
    assert caller.roles == {Role.MEMBER, Role.READER}
    assert caller.expires_ns == desk.clock.wall_ns() + 60 * NS
    assert not caller.admin


def test_a_token_without_a_project_has_no_roles() -> None:
    """An unscoped token names nobody's project, not even the administrators'."""
    desk = Desk()
    caller = desk.authenticator.token(desk.token(""))
    assert (caller.project, caller.roles) == ("", frozenset())


def test_claims_survive_signing_to_the_nanosecond() -> None:
    """What was signed is what is read."""
    claims = Claims(
        DEMO.id, DEMO_PROJECT.id, ("password", "token"), ("a", "b"), 5 * NS + 7, 6 * NS
    )
    signer = Signer(KEY)
    assert signer.read(signer.sign(claims)) == claims


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "a.b.c",
        "\u00ff.\u00ff.\u00ff",
        "x" * 100_000,
        jwt.encode({"sub": DEMO.id}, "", algorithm="none"),
        jwt.encode({"sub": DEMO.id}, b"o" * 64, algorithm=ALGORITHM),
        jwt.encode({"sub": DEMO.id}, KEY, algorithm=ALGORITHM),
        jwt.encode({"sub": DEMO.id}, KEY, algorithm="HS512"),
        "e30.e30.e30",
    ],
)
def test_what_we_did_not_sign_is_refused(forged: str) -> None:
    """Other keys, other algorithms, none at all, and missing claims are Unauthenticated."""
    desk = Desk()
    assert desk.refused(forged)


def test_an_expired_token_is_refused_cached_or_not() -> None:
    """The clock is looked at on every call."""
    desk = Desk()
    known, fresh = desk.token(), desk.token()
    assert not desk.refused(known)
    desk.clock.advance(59.9)
    assert not desk.refused(known)
    desk.clock.advance(0.1)
    assert desk.refused(known)
    assert desk.refused(fresh)


@pytest.mark.parametrize(
    "change",
    [
        UsersSaved((replace(DEMO, enabled=False),)),
        UsersRemoved((DEMO.id,)),
        AssignmentsRemoved((DEMO_GRANT,)),
        ProjectsRemoved((DEMO_PROJECT.id,)),
    ],
)
def test_a_cached_token_is_void_with_the_change_that_voids_it(change: UsersSaved) -> None:
    """Disabling, deleting, taking the last role and removing the project act at once."""
    desk = Desk()
    token = desk.token()
    assert not desk.refused(token)
    desk.directory.apply(change)
    assert desk.refused(token)
    assert desk.refused(token)


def test_roles_of_a_cached_token_follow_the_directory() -> None:
    """A role granted after the token was issued counts at once."""
    desk = Desk()
    token = desk.token()
    desk.authenticator.token(token)
    grant = Assignment(DEMO.id, DEMO_PROJECT.id, Role.SERVICE)
    desk.directory.apply(AssignmentsSaved((grant,)))
    assert Role.SERVICE in desk.authenticator.token(token).roles


def test_a_revoked_token_is_refused_and_others_are_not() -> None:
    """Revocation names one token by its id."""
    desk = Desk()
    token, other = desk.token(), desk.token()
    claims = desk.authenticator.claims(token)
    assert not desk.refused(other)
    desk.directory.apply(TokensRevoked((Revocation(claims.id, claims.expires_ns),)))
    assert desk.refused(token)
    assert not desk.refused(other)


def test_a_change_of_password_in_the_same_nanosecond_voids_the_token() -> None:
    """Tokens are compared with the password by nanoseconds, and a tie is void."""
    desk = Desk()
    token = desk.token()
    now = desk.clock.wall_ns()
    assert not desk.refused(token)
    desk.directory.apply(UsersSaved((replace(DEMO, password_ns=now),)))
    assert desk.refused(token)
    assert not desk.refused(desk.token(issued_ns=now + 1))


def test_the_cache_is_bounded_and_forgets_the_least_used() -> None:
    """More tokens than the limit are looked at again, not refused."""
    desk = Desk(limit=2)
    tokens = [desk.token() for _ in range(5)]
    for token in tokens * 2:
        assert not desk.refused(token)
    assert len(desk.authenticator._known) == 2


def test_a_bound_credential_speaks_for_its_name_only() -> None:
    """The caller of a credential has a kind and a name, and no roles."""
    desk = Desk()
    credential, secret = mint(CredentialKind.AGENT, "h1.example.org", 1)
    desk.directory.apply(CredentialsSaved((credential,)))
    caller = desk.authenticator.bound(header_of(credential.kind, credential.name, secret))
    assert (caller.kind, caller.name) == (CredentialKind.AGENT, "h1.example.org")
    assert (caller.user, caller.project, caller.roles) == (credential.id, "", frozenset())
    assert secret not in repr(credential)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ":",
        "/:",
        "agent",
        "agent/h1",
        "agent/h1:",
        "agent/h1:wrong",
        "agent/h2:{secret}",
        "guest/h1:{secret}",
        "root/h1:{secret}",
        "agent/h1:{secret} ",
        "\u00ff/\u00ff:\u00ff",
        "agent/" + "h" * 5000 + ":{secret}",
    ],
)
def test_any_other_credential_is_refused(header: str) -> None:
    """Wrong kind, name, secret or form are Unauthenticated alike."""
    desk = Desk()
    credential, secret = mint(CredentialKind.AGENT, "h1", 1)
    desk.directory.apply(CredentialsSaved((credential,)))
    with pytest.raises(Unauthenticated):
        desk.authenticator.bound(header.replace("{secret}", secret))


def test_enrolling_again_locks_the_old_credential_out() -> None:
    """A credential of the same kind and name replaces the one before."""
    desk = Desk()
    for _ in range(2):
        credential, secret = mint(CredentialKind.AGENT, "h1", 1)
        header = header_of(credential.kind, "h1", secret)
        desk.directory.apply(CredentialsSaved((credential,)))
        desk.authenticator.bound(header)
        old = header
    credential, _ = mint(CredentialKind.AGENT, "h1", 2)
    desk.directory.apply(CredentialsSaved((credential,)))
    with pytest.raises(Unauthenticated):
        desk.authenticator.bound(old)


def test_the_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    """The same file gives the same key; it is 0600 even where it was not."""
    path = tmp_path / "token.key"
    key = keep_key(path)
    assert len(key) == KEY_BYTES
    path.chmod(0o644)
    assert keep_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["token.key"]


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    """A short or unreadable key stops the start and names its file."""
    path = tmp_path / "token.key"
    path.write_bytes(b"short")
    with pytest.raises(Broken, match=r"token\.key"):
        keep_key(path)
    with pytest.raises(Broken):
        keep_key(tmp_path / "none" / "token.key")
    with pytest.raises(Broken):
        Signer(b"short")
