"""What every Keystone does that we ask: the fake one's tests, and the real one's."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

import pytest

from faultwire.domain.accounts import Role
from faultwire.domain.errors import Forbidden, NotFound
from faultwire.identity.keystone import read
from faultwire.ports.keystone import KeystoneApi


class Authority(ABC):
    """A Keystone under test, with who may have it issue and revoke tokens."""

    api: KeystoneApi
    user: str
    project: str

    @abstractmethod
    def token(self, scope: str) -> str:
        """Return an administrator's token for the project, the domain, the system or nothing."""

    @abstractmethod
    def revoke(self, token: str) -> None:
        """Take a token back."""

    @abstractmethod
    def now_ns(self) -> int:
        """Return the wall time of the Keystone."""


Case = Callable[[Authority], Awaitable[None]]


async def a_project(keystone: Authority) -> None:
    """A token says who shows it, for which project, with which roles, and when it ends."""
    caller = read(await keystone.api.token(keystone.token("project")))
    assert (caller.user, caller.project) == (keystone.user, keystone.project)
    assert caller.admin
    assert Role.READER in caller.roles
    assert caller.user_name
    assert caller.project_name
    assert caller.expires_ns > keystone.now_ns()
    assert (caller.domain, caller.system, caller.trust) == ("", False, "")


async def no_scope(keystone: Authority) -> None:
    """A token without a scope has neither project nor roles."""
    caller = read(await keystone.api.token(keystone.token("")))
    assert caller.user == keystone.user
    assert (caller.project, caller.roles) == ("", frozenset())


async def the_system(keystone: Authority) -> None:
    """A token for the system has the roles that are held there, and no project."""
    caller = read(await keystone.api.token(keystone.token("system")))
    assert caller.system
    assert caller.admin
    assert caller.project == ""


async def a_domain(keystone: Authority) -> None:
    """Who rules a domain rules nothing here."""
    caller = read(await keystone.api.token(keystone.token("domain")))
    assert caller.domain == "default"
    assert (caller.project, caller.roles) == ("", frozenset())


async def unknown(keystone: Authority) -> None:
    """A token that nobody issued is not found."""
    for text in ("nonsense", "gAAAAABnonsense" * 20, "a.b.c"):
        with pytest.raises(NotFound):
            await keystone.api.token(text)


async def revoked(keystone: Authority) -> None:
    """A token that was revoked is not found."""
    token = keystone.token("project")
    await keystone.api.token(token)
    keystone.revoke(token)
    with pytest.raises(NotFound):
        await keystone.api.token(token)


async def trusted(keystone: Authority) -> None:
    """By a trust we are the user in the project, until it is deleted."""
    api, token = keystone.api, keystone.token("project")
    trust = await api.create_trust(
        token, user=keystone.user, project=keystone.project, roles=["reader"]
    )
    theirs, ends_ns = await api.trust_token(trust)
    caller = read(await api.token(theirs))
    assert (caller.user, caller.project) == (keystone.user, keystone.project)
    assert caller.roles == {Role.READER}
    assert caller.trust == trust
    assert caller.expires_ns == ends_ns
    await api.delete_trust(trust, token)
    with pytest.raises(NotFound):
        await api.trust_token(trust)
    with pytest.raises(NotFound):
        await api.token(theirs)
    await api.delete_trust(trust, token)


async def another_token(keystone: Authority) -> None:
    """A trust that its user's token does not end is ended by ours."""
    api = keystone.api
    trust = await api.create_trust(
        keystone.token("project"), user=keystone.user, project=keystone.project, roles=["reader"]
    )
    await api.delete_trust(trust, "")
    with pytest.raises(NotFound):
        await api.trust_token(trust)


async def not_allowed(keystone: Authority) -> None:
    """No trust is made with a token that is none, nor for a role that its user has not."""
    for token, role in (("nonsense", "reader"), (keystone.token("project"), "king")):
        with pytest.raises((Forbidden, NotFound)):
            await keystone.api.create_trust(
                token, user=keystone.user, project=keystone.project, roles=[role]
            )


CASES: tuple[Case, ...] = (
    a_project,
    no_scope,
    the_system,
    a_domain,
    unknown,
    revoked,
    trusted,
    another_token,
    not_allowed,
)
