"""Keystone as it is asked whose a token is, and to have us act in a user's name."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from faultwire.controllers.openstack.api import OpenStackApi, answer_of
from faultwire.controllers.openstack.session import CloudSession
from faultwire.domain.errors import Forbidden, Invalid, NotFound, Unavailable

SUBJECT = "X-Subject-Token"
_USER = {"user_id": "id", "username": "name"}
_DOMAIN = {"user_domain_id": "id", "user_domain_name": "name"}


class KeystoneDoor:
    """Implements `ports.keystone.KeystoneApi` by HTTP; belongs to the event loop."""

    def __init__(self, session: CloudSession, timeout: float) -> None:
        """Take who is signed in; nothing is asked yet. Every call takes `timeout` at most."""
        self._session = session
        self._api = OpenStackApi(session, timeout)

    @property
    def address(self) -> str:
        """The Keystone that users sign in at."""
        return str(self._session.auth.get("auth_url") or "")

    async def token(self, subject: str) -> Mapping[str, Any]:
        """Return what Keystone says of a token; raises NotFound, Unavailable."""
        url = f"{await self._base()}/auth/tokens?nocatalog"
        found = await self._api.request("GET", url, None, {SUBJECT: subject})
        if not isinstance(found, dict):
            raise Unavailable("Keystone's answer is none", url)
        return found

    async def create_trust(
        self, token: str, *, user: str, project: str, roles: Iterable[str]
    ) -> str:
        """Have a user trust our account; raises Forbidden, Invalid, Unavailable."""
        self._signing_in("")
        trust = {
            "trustor_user_id": user,
            "trustee_user_id": await self._session.user(),
            "project_id": project,
            "impersonation": True,
            "allow_redelegation": False,
            "roles": [{"name": role} for role in sorted(roles)],
        }
        url = f"{await self._base()}/OS-TRUST/trusts"
        made = await self._told("POST", url, {"trust": trust}, token)
        return str(made["trust"]["id"])

    async def delete_trust(self, trust: str, token: str) -> None:
        """Delete a trust by its user's token, or else by ours."""
        url = f"{await self._base()}/OS-TRUST/trusts/{trust}"
        try:
            await self._told("DELETE", url, None, token or await self._session.token())
        except NotFound:
            return
        except Forbidden:
            try:
                await self._api.request("DELETE", url)
            except NotFound:
                return

    async def trust_token(self, trust: str) -> tuple[str, int]:
        """Return a token of a trust and when it ends; raises NotFound, Unavailable."""
        url = f"{await self._base()}/auth/tokens?nocatalog"
        status, raw, headers = await self._api.exchange("POST", url, self._signing_in(trust), {})
        if status in {401, 403, 404}:
            # Without its user, or after its end, it is as if it were not there.
            raise NotFound(f"the trust {trust} lets nobody in: {status}")
        said = answer_of(status, raw, f"POST {url}")
        try:
            ends = datetime.fromisoformat(said["token"]["expires_at"])
            ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
            return headers[SUBJECT], int(ends.timestamp()) * 1_000_000_000
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("Keystone's answer is none", repr(error)) from None

    def _signing_in(self, trust: str) -> Mapping[str, Any]:
        """Return the body that asks for a token of a trust; raises Invalid without a password."""
        auth = self._session.auth
        user = {new: auth[old] for old, new in _USER.items() if auth.get(old)}
        domain = {new: auth[old] for old, new in _DOMAIN.items() if auth.get(old)}
        if not user or not auth.get("password"):
            # No application credential can be used for a trust.
            raise Invalid("", "needs a service user that signs in with a password")
        user |= {"password": auth["password"]} | ({"domain": domain} if domain else {})
        identity = {"methods": ["password"], "password": {"user": user}}
        return {"auth": {"identity": identity, "scope": {"OS-TRUST:trust": {"id": trust}}}}

    async def _told(self, method: str, url: str, body: object, token: str) -> Any:
        """Return what Keystone answers to somebody else's token."""
        status, raw, _ = await self._api.exchange(method, url, body, {"X-Auth-Token": token})
        return answer_of(status, raw, f"{method} {url}")

    async def _base(self) -> str:
        found = await self._session.endpoint("identity")
        return f"{found.removesuffix('/v3').removesuffix('/v2.0')}/v3"

    async def close(self) -> None:
        """Give connections back."""
        await self._api.close()
