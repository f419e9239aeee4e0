"""The form of a rule, and the check strings that most rules share."""

from dataclasses import dataclass

ADMIN = "rule:admin_required"
READER_IN_PROJECT = "rule:admin_required or (role:reader and project_id:%(project_id)s)"
MEMBER_IN_PROJECT = "rule:admin_required or (role:member and project_id:%(project_id)s)"
ANYBODY = "@"
"""Whoever has a valid token."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One named permission: its default, what it is for, and the calls that ask it.

    `check` is in the language of oslo.policy; `calls` are methods (several with ``|``) and paths
    as the face's documentation writes them. A rule that only others refer to has no calls.
    """

    name: str
    check: str
    about: str
    calls: tuple[tuple[str, str], ...] = ()
