"""First start: the administrator and the demo user, and clouds.yaml with their passwords."""

import json
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from faultwire.domain.accounts import Actor, Assignment, AuditRecord, Role, User
from faultwire.domain.changes import (
    AssignmentsSaved,
    Audited,
    Change,
    ProjectsSaved,
    UsersSaved,
)
from faultwire.domain.errors import Broken
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.resources import Project
from faultwire.identity.signin import DOMAIN_ID
from faultwire.identity.tokens import write_secret

log = logging.getLogger(__name__)

REGION = "RegionOne"
CLOUDS_FILE = "clouds.yaml"
PASSWORDS_FILE = "first-passwords.json"
PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """An account of the first start: a user and a project of one name, and its cloud."""

    name: str
    cloud: str
    role: Role


FIRST_ACCOUNTS = (
    FirstAccount("admin", "faultwire", Role.ADMIN),
    FirstAccount("demo", "faultwire-demo", Role.MEMBER),
)


@dataclass(frozen=True, slots=True)
class FirstIds:
    """Ids of one account's user and project, drawn by the caller."""

    user: UserId
    project: ProjectId


def draw_ids() -> dict[str, FirstIds]:
    """Return fresh ids for every first account."""
    return {
        account.name: FirstIds(UserId(uuid.uuid4().hex), ProjectId(uuid.uuid4().hex))
        for account in FIRST_ACCOUNTS
    }


def draw_password() -> str:
    """Return a random password that needs no quoting anywhere."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def first_changes(
    ids: Mapping[str, FirstIds], hashes: Mapping[str, str], now_ns: int
) -> tuple[Change, ...]:
    """Return the first commit of an empty store; pure. Both mappings are by account name."""
    users, projects, grants = [], [], []
    for account in FIRST_ACCOUNTS:
        own = ids[account.name]
        projects.append(Project(own.project, account.name))
        users.append(
            User(
                own.user,
                account.name,
                hashes[account.name],
                now_ns,
                default_project=own.project,
            )
        )
        grants.append(Assignment(own.user, own.project, account.role))
    line = AuditRecord(now_ns, Actor("faultwire"), "identity.bootstrap", "admin, demo")
    return (
        ProjectsSaved(tuple(projects)),
        UsersSaved(tuple(users)),
        AssignmentsSaved(tuple(grants)),
        Audited((line,)),
    )


def keep_passwords(state_dir: Path) -> dict[str, str]:
    """Return the first accounts' passwords by name, drawn and written (0600) on first use.

    They are on disk before any hash of them is stored, so that a crash in between loses nobody's
    password. Raises Broken for a file that cannot be read or is not ours.
    """
    path = state_dir / PASSWORDS_FILE
    try:
        if not path.exists():
            drawn = {account.name: draw_password() for account in FIRST_ACCOUNTS}
            write_secret(path, json.dumps(drawn, indent=2).encode() + b"\n")
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {account.name: str(kept[account.name]) for account in FIRST_ACCOUNTS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Broken(f"{path}: {error!r}") from None


def kept_passwords(state_dir: Path) -> dict[str, str]:
    """Return the first accounts' passwords where this folder has them, else nothing."""
    return keep_passwords(state_dir) if (state_dir / PASSWORDS_FILE).exists() else {}


def forget_passwords(state_dir: Path) -> None:
    """Remove passwords that were drawn for accounts which somebody else created first."""
    (state_dir / PASSWORDS_FILE).unlink(missing_ok=True)


def write_clouds(
    state_dir: Path,
    base_url: str,
    passwords: Mapping[str, str],
    *,
    first_start: bool = False,
    cacert: str = "",
) -> Path:
    """Write clouds.yaml (0600, whole or not at all) and return its path.

    `base_url` is where clients reach us, as ``http://HOST:PORT``. Of a file that is there already
    only our addresses are changed: a password that its owner wrote there stays, and so do other
    clouds. One that cannot be read is put aside as ``clouds.yaml.unreadable``. On the first start
    of a store no password in the file can be right: ours replace them. Without `passwords`, as
    beside a shared database that another process began, their owner writes them in.
    """
    path = state_dir / CLOUDS_FILE
    document = _present(path)
    clouds = document["clouds"]
    for account in FIRST_ACCOUNTS:
        before = clouds.get(account.cloud)
        cloud = _cloud(account, before if isinstance(before, dict) else {}, passwords)
        cloud["auth"]["auth_url"] = f"{base_url.rstrip('/')}/identity/v3"
        if first_start:
            cloud["auth"]["password"] = passwords[account.name]
        if cacert:
            cloud["cacert"] = cacert
        clouds[account.cloud] = cloud
    write_secret(path, yaml.safe_dump(document, sort_keys=False).encode())
    return path


def _cloud(
    account: FirstAccount, before: Mapping[str, Any], passwords: Mapping[str, str]
) -> dict[str, Any]:
    """Return an entry of clouds.yaml; what stood there before wins."""
    known = before.get("auth")
    auth = {
        "auth_url": "",
        "username": account.name,
        **({"password": passwords[account.name]} if account.name in passwords else {}),
        "project_name": account.name,
        "user_domain_id": DOMAIN_ID,
        "project_domain_id": DOMAIN_ID,
        **(known if isinstance(known, dict) else {}),
    }
    defaults = {"region_name": REGION, "identity_api_version": "3", "interface": "public"}
    return {**defaults, **before, "auth": auth}


def _present(path: Path) -> dict[str, Any]:
    """Return the file's content with a mapping of clouds, empty where there is none to keep."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"clouds": {}}
    except (OSError, ValueError, yaml.YAMLError) as error:
        # Not the error's text: it may quote the file, and the file holds passwords.
        log.warning("%s cannot be read (%s) and is put aside", path, type(error).__name__)
        document = None
        path.replace(path.with_name(f"{path.name}.unreadable"))
    if not isinstance(document, dict):
        document = {}
    if not isinstance(document.get("clouds"), dict):
        document["clouds"] = {}
    return document
