"""Users, grants, credentials and the audit record, as rows and back; see `inventory_rows`."""

from faultwire.domain.accounts import (
    Actor,
    Assignment,
    AuditRecord,
    Credential,
    CredentialKind,
    Revocation,
    Role,
    User,
    WebhookSecret,
)
from faultwire.store.statements import Row


def secret_row(secret: WebhookSecret, position: int) -> Row:
    """Return a row of webhook_secrets."""
    return secret.project, position, secret.secret, secret.created_ns


def secret_of(row: Row) -> WebhookSecret:
    """Return the secret of a row."""
    project, _, secret, created_ns = row
    return WebhookSecret(project, secret, created_ns)


def user_row(user: User) -> Row:
    """Return a row of users."""
    return (
        user.id,
        user.name,
        user.password_hash,
        user.password_ns,
        user.enabled,
        user.default_project,
    )


def user_of(row: Row) -> User:
    """Return the user of a row."""
    return User(*row)


def assignment_row(assignment: Assignment) -> Row:
    """Return a row of assignments, which is also its key."""
    return assignment.user, assignment.project, assignment.role._value_


def assignment_of(row: Row) -> Assignment:
    """Return the assignment of a row."""
    user, project, role = row
    return Assignment(user, project, Role(role))


def revocation_row(revocation: Revocation) -> Row:
    """Return a row of revocations."""
    return revocation.token_id, revocation.expires_ns


def revocation_of(row: Row) -> Revocation:
    """Return the revocation of a row."""
    return Revocation(*row)


def credential_row(credential: Credential) -> Row:
    """Return a row of credentials."""
    return (
        credential.kind._value_,
        credential.name,
        credential.id,
        credential.secret_sha256,
        credential.created_ns,
    )


def credential_of(row: Row) -> Credential:
    """Return the credential of a row."""
    kind, name, credential, secret_sha256, created_ns = row
    return Credential(credential, CredentialKind(kind), name, secret_sha256, created_ns)


def audit_row(record: AuditRecord) -> Row:
    """Return a row of audit, without its sequence."""
    return (
        record.id,
        record.at_ns,
        record.actor.user,
        record.actor.project,
        record.actor.source,
        record.action,
        record.target,
        record.detail,
    )


def audit_of(row: Row) -> AuditRecord:
    """Return the line of a row, without sequence and digest."""
    at_ns, user, project, source, action, target, detail = row
    return AuditRecord(at_ns, Actor(user, project, source), action, target, detail)
