"""Tokens: what one says, and how it is signed and read (PyJWT, HS256, one key file)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import jwt

from faultwire.domain.errors import Broken, Unauthenticated
from faultwire.domain.ids import ProjectId, UserId

NS = 1_000_000_000
ALGORITHM = "HS256"
KEY_BYTES = 64
LONGEST_TOKEN = 4096
"""Characters of a token that are looked at; ours have about 400."""

NOT_AUTHENTICATED = "The request you have made requires authentication."
"""The one sentence for every token and login that is not accepted: it tells no reason."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. `project` is empty for one without scope; times are wall ns.

    `audit_ids` is its own id, and the id of the first token it was exchanged for, if any.
    """

    user: UserId
    project: ProjectId
    methods: tuple[str, ...]
    audit_ids: tuple[str, ...]
    issued_ns: int
    expires_ns: int

    @property
    def id(self) -> str:
        """What a revocation names."""
        return self.audit_ids[0]


class Signer:
    """Writes and reads tokens under one key; knows nobody and reads no clock."""

    def __init__(self, key: bytes) -> None:
        """Take the key; raises Broken for one that is too short to sign with."""
        if len(key) < KEY_BYTES:
            raise Broken(f"a key for tokens has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._jwt = jwt.PyJWT()

    def sign(self, claims: Claims) -> str:
        """Return the token that says this."""
        return self._jwt.encode(
            {
                "sub": claims.user,
                "project": claims.project,
                "methods": claims.methods,
                "jti": claims.id,
                "audit_ids": claims.audit_ids,
                # Whole seconds for whoever reads a token elsewhere; the truth is in ns.
                "iat": claims.issued_ns // NS,
                "exp": -(-claims.expires_ns // NS),
                "iat_ns": claims.issued_ns,
                "exp_ns": claims.expires_ns,
            },
            self._key,
            ALGORITHM,
        )

    def read(self, token: str) -> Claims:
        """Return what a token says; raises Unauthenticated unless it was signed under our key.

        Whether it still holds is for the caller to say: time, user and revocation are not
        looked at.
        """
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(NOT_AUTHENTICATED)
        try:
            said = self._jwt.decode(
                token,
                self._key,
                [ALGORITHM],
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                },
            )
            return Claims(
                UserId(said["sub"]),
                ProjectId(said["project"]),
                tuple(said["methods"]),
                tuple(said["audit_ids"]),
                said["iat_ns"],
                said["exp_ns"],
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise Unauthenticated(NOT_AUTHENTICATED) from None


def new_audit_id() -> str:
    """Return a fresh id for a token, in Keystone's form (22 characters)."""
    return secrets.token_urlsafe(16)


def keep_key(path: Path) -> bytes:
    """Return the key in a file, made on first use: random, mode 0600, whole or not there.

    Raises Broken for a file that cannot be read or holds less than a key.
    """
    try:
        if not path.exists():
            write_secret(path, secrets.token_bytes(KEY_BYTES))
        path.chmod(0o600)
        key = path.read_bytes()
    except OSError as error:
        raise Broken(f"the key for tokens: {error}") from None
    if len(key) < KEY_BYTES:
        raise Broken(f"{path} holds {len(key)} bytes and is no key for tokens; remove it")
    return key


def write_secret(path: Path, content: bytes) -> None:
    """Write a file with mode 0600 so that it is whole, old or new, whatever happens."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
