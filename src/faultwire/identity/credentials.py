"""Credentials of agents, guests and monitors: a secret bound to one name."""

import hashlib
import secrets
import uuid

from faultwire.domain.accounts import Credential, CredentialKind

SECRET_BYTES = 32


def mint(kind: CredentialKind, name: str, now_ns: int) -> tuple[Credential, str]:
    """Return a fresh credential and its secret, which is kept nowhere."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Credential(uuid.uuid4().hex, kind, name, digest, now_ns), secret


def header_of(kind: CredentialKind, name: str, secret: str) -> str:
    """Return the value of the header X-Faultwire-Credential."""
    return f"{kind.value}/{name}:{secret}"
