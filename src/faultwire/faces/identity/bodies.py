"""The bodies that clients send, as Keystone's schemas have them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from faultwire.domain.errors import Invalid
from faultwire.faces.http import validated
from faultwire.identity.signin import DOMAIN_ID, DOMAIN_NAME, Login, Reference, Scope


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must have visible characters only, and at least one")
    return text


Text = Annotated[str, StringConstraints(max_length=255)]
Name = Annotated[Text, AfterValidator(_printable)]
Password = Annotated[str, StringConstraints(max_length=4096)]
"""How long it may be in bytes is said where it is hashed."""

KEPT_EMPTY: tuple[object, ...] = (None, "", False, [], {})


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Domain(_Body):
    """A domain by id or name."""

    id: Text | None = None
    name: Text | None = None

    @property
    def ours(self) -> bool:
        """Whether it is the one domain that there is."""
        return self.id == DOMAIN_ID if self.id is not None else self.name == DOMAIN_NAME


class Named(_Body):
    """A user or project by id, or by name in a domain."""

    id: Text | None = None
    name: Text | None = None
    domain: Domain | None = None

    def reference(self, at: str) -> Reference:
        """Return the reference; raises Invalid where nothing is named or a domain is missing."""
        if self.id is not None:
            return Reference(id=self.id)
        if self.name is None:
            raise Invalid(at, "needs an id, or a name and a domain")
        if self.domain is None:
            raise Invalid(f"{at}.domain", "is needed with a name")
        return Reference(name=self.name, known_domain=self.domain.ours)


class UserWithPassword(Named):
    """Who logs in."""

    password: Password


class PasswordMethod(_Body):
    """The method `password`."""

    user: UserWithPassword


class TokenMethod(_Body):
    """The method `token`."""

    id: Annotated[str, StringConstraints(max_length=4096)]


class Identity(_Body):
    """What a client shows of itself."""

    methods: Annotated[list[Text], Field(min_length=1, max_length=8)]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None


class ProjectScope(_Body):
    """The wanted scope where it is a project."""

    project: Named | None = None


class Auth(_Body):
    """A login."""

    identity: Identity
    scope: Any = None


class AuthBody(_Body):
    """The body of ``POST /v3/auth/tokens``."""

    auth: Auth


def login_of(value: object) -> Login:
    """Return the login that a body asks for; raises Invalid naming the field."""
    auth = validated(AuthBody, value).auth
    shown = auth.identity
    methods = tuple(dict.fromkeys(shown.methods))
    user, password, token = None, "", ""
    if "password" in methods:
        if shown.password is None:
            raise Invalid("auth.identity.password", "is needed by the method password")
        user = shown.password.user.reference("auth.identity.password.user")
        password = shown.password.user.password
    if "token" in methods:
        if shown.token is None:
            raise Invalid("auth.identity.token", "is needed by the method token")
        token = shown.token.id
    return Login(methods, user, password, token, _scope(auth.scope))


def _scope(value: object) -> Reference | Scope:
    if value is None:
        return Scope.DEFAULT
    if value == "unscoped":
        return Scope.UNSCOPED
    if not isinstance(value, Mapping):
        raise Invalid("auth.scope", "must be an object or 'unscoped'")
    if "project" in value:
        named = validated(ProjectScope, value, "auth.scope").project
        if named is None:
            raise Invalid("auth.scope.project", "must be an object")
        return named.reference("auth.scope.project")
    if "unscoped" in value:
        return Scope.UNSCOPED
    return Scope.FOREIGN if value else Scope.DEFAULT


class _Kept(BaseModel):
    """A thing that is kept: what we cannot keep is refused, not dropped in silence."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    domain_id: Text | None = None

    def check(self, at: str) -> None:
        """Raise Invalid for another domain and for values that would be lost."""
        if self.domain_id not in {None, DOMAIN_ID}:
            raise Invalid(f"{at}.domain_id", f"there is one domain, {DOMAIN_ID}")
        for key, value in (self.model_extra or {}).items():
            if value not in KEPT_EMPTY:
                raise Invalid(f"{at}.{key[:64]}", "is not kept by this service")


class NewUser(_Kept):
    """A user to be created."""

    name: Name
    password: Password | None = None
    enabled: bool = True
    default_project_id: Text | None = None


class ChangedUser(_Kept):
    """What to change of a user; what is not named stays."""

    name: Name | None = None
    password: Password | None = None
    enabled: bool | None = None
    default_project_id: Text | None = None


class NewUserBody(_Body):
    """The body of ``POST /v3/users``."""

    user: NewUser


class ChangedUserBody(_Body):
    """The body of ``PATCH /v3/users/{user_id}``."""

    user: ChangedUser


class OwnPassword(_Body):
    """A user's change of its own password."""

    original_password: Password
    password: Password


class OwnPasswordBody(_Body):
    """The body of ``POST /v3/users/{user_id}/password``."""

    user: OwnPassword


class _Project(_Kept):
    enabled: bool | None = None
    parent_id: Text | None = None

    def check(self, at: str) -> None:
        """Raise Invalid for what our projects cannot be, too: disabled, or within another."""
        super().check(at)
        if self.enabled is False:
            raise Invalid(f"{at}.enabled", "a project cannot be disabled; take its roles away")
        if self.parent_id not in {None, DOMAIN_ID}:
            raise Invalid(f"{at}.parent_id", "a project has no parent but the domain")


class NewProject(_Project):
    """A project to be created."""

    name: Name


class ChangedProject(_Project):
    """What to change of a project."""

    name: Name | None = None


class NewProjectBody(_Body):
    """The body of ``POST /v3/projects``."""

    project: NewProject


class ChangedProjectBody(_Body):
    """The body of ``PATCH /v3/projects/{project_id}``."""

    project: ChangedProject
