"""A Keystone that is not ours: who asks it, and which faces then stand before whom."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.types import ASGIApp

from faultwire.app.core import Tools
from faultwire.app.life import Life
from faultwire.config.configuration import Configuration
from faultwire.controllers.openstack.keystone import KeystoneDoor
from faultwire.controllers.openstack.session import CloudSession
from faultwire.domain.errors import Invalid
from faultwire.faces.signing import SigningIn
from faultwire.faces.stack import off
from faultwire.identity.authenticator import TokenAuthenticator
from faultwire.identity.keystone import KeystoneTokens
from faultwire.identity.trusts import KeptTrustTokens
from faultwire.ports import Authenticator
from faultwire.ports.keystone import KeystoneApi, TrustTokens

IDENTITY = "/identity"


@dataclass(frozen=True, slots=True)
class Keystone:
    """Keystone, as it is asked, where users sign in, and tokens of those who trust us."""

    api: KeystoneApi
    address: str
    trusts: TrustTokens


def serves_identity(configuration: Configuration) -> bool:
    """Whether our own accounts count, because there is no Keystone or both are wanted."""
    return not keystone_cloud(configuration) or configuration.keystone.embedded_identity


def keystone_cloud(configuration: Configuration) -> str:
    """Return the cloud whose Keystone says who callers are; empty: our own accounts alone."""
    settings = configuration.keystone
    if not settings.enabled:
        return ""
    return settings.cloud or next(iter(configuration.openstack.names), "")


def keystone_of(configuration: Configuration, tools: Tools, life: Life) -> Keystone | None:
    """Return the Keystone that is asked and begin to sign in there; None where there is none.

    Raises Invalid for a cloud that is not described. Asks nobody before `life` runs.
    """
    cloud, settings = keystone_cloud(configuration), configuration.keystone
    if not cloud:
        return None
    known = replace(configuration.openstack, timeout=settings.timeout)
    session = CloudSession(cloud, tools.clock, known)
    life.release.callback(session.close)
    door = KeystoneDoor(session, settings.timeout)
    life.release.push_async_callback(door.close)
    address = settings.www_authenticate_uri or door.address
    if not address:
        raise Invalid("[keystone] cloud", f"{cloud} has no auth_url")
    life.watch(session.keep_signed_in(), f"Keystone of {cloud} signed in")
    trusts = KeptTrustTokens(door, tools.clock, settings.timeout)
    life.release.push_async_callback(trusts.close)
    life.watch(trusts.run(), "tokens of trusts")
    return Keystone(door, address, trusts)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who tells callers, and what stands before faces for that."""

    authenticator: Authenticator
    keystone: Keystone | None
    before: Callable[[str, ASGIApp], ASGIApp]


def signed_in(
    keystone: Keystone | None,
    ours: TokenAuthenticator,
    configuration: Configuration,
    tools: Tools,
    life: Life,
) -> SignedIn:
    """Return how requests are signed in; without a Keystone by our own accounts alone."""
    if keystone is None:
        return SignedIn(ours, None, lambda _, face: face)
    settings = configuration.keystone
    tokens = KeystoneTokens(keystone.api, ours, tools.clock, tools.metrics, settings)
    life.release.push_async_callback(tokens.close)

    def before(prefix: str, face: ASGIApp) -> ASGIApp:
        if prefix != IDENTITY:
            return SigningIn(face, tokens, keystone.address)
        if settings.embedded_identity:
            return face
        return off(
            f"Users sign in at {keystone.address}: the identity face is off "
            "([keystone] embedded_identity)."
        )

    return SignedIn(tokens, keystone, before)
