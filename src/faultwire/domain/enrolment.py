"""Enrolments that end: a credential is void, and who came by it leaves as if it said goodbye."""

from dataclasses import dataclass

from faultwire.domain.accounts import Actor, CredentialKind


@dataclass(frozen=True, slots=True)
class CredentialsRemoved:
    """Credentials of a kind that are void, by the names that they were bound to."""

    kind: CredentialKind
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disenrol:
    """Make a credential void; its sessions end, and their silence raises nothing.

    Answers None; NotFound where there is none.
    """

    kind: CredentialKind
    name: str
    actor: Actor
