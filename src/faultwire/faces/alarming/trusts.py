"""Actions in a user's name: the trust that an alarm's actions need, and its end.

As in Aodh one trust serves all actions of an alarm. Another than in Aodh is made whenever the
alarm is replaced: who changes where an action goes must not send somebody else's token there.
"""

import logging
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import Alarm
from faultwire.domain.errors import FaultwireError, Forbidden, Invalid, Unavailable
from faultwire.domain.trusts import entrusted, is_trusted, parted
from faultwire.faces.alarming.actions import ACTIONS
from faultwire.faces.alarming.ports import AlarmingPorts
from faultwire.faces.alarming.shape import Described
from faultwire.faces.http import TOKEN_HEADER

log = logging.getLogger(__name__)


def trusts_of(alarm: Alarm) -> tuple[str, ...]:
    """Return the trusts by which the actions of an alarm run."""
    urls = (url for kind in ACTIONS for url in getattr(alarm, kind) or () if is_trusted(url))
    return tuple(trust for trust in dict.fromkeys(parted(url)[0] for url in urls) if trust)


class Entrusting:
    """Makes trusts by the callers' own tokens, and deletes them."""

    def __init__(self, ports: AlarmingPorts) -> None:
        """Take the face's ports."""
        self._keystone = ports.keystone
        self._trusts = ports.trusts

    async def entrust(
        self, request: Request, caller: Caller, said: Described
    ) -> tuple[Described, str]:
        """Return the alarm with a trust in its actions, and the trust; as it is where none is due.

        Raises Invalid where Keystone does not let this caller, or us, make one; Unavailable.
        """
        alarm, keystone = said.alarm, self._keystone
        due = any(is_trusted(url) for kind in ACTIONS for url in getattr(alarm, kind) or ())
        if keystone is None or not due:
            return said, ""
        token = request.headers.get(TOKEN_HEADER, "")
        roles = {role.value for role in caller.roles} | caller.more_roles
        try:
            trust = await keystone.create_trust(
                token, user=caller.user, project=caller.project, roles=roles
            )
        except Unavailable:
            raise
        except FaultwireError as error:
            log.info("no trust for user %s: %s", caller.user, error.detail)
            why = error.reason if isinstance(error, Invalid) else "Keystone refuses the trust"
            raise Invalid("", f"Unsupported action trust+http: {why}") from None
        changed: Any = {
            kind: tuple(entrusted(url, trust) if is_trusted(url) else url for url in urls)
            for kind in ACTIONS
            if (urls := getattr(alarm, kind))
        }
        if self._trusts is not None:
            self._trusts.warm(trust)
        return replace(said, alarm=replace(alarm, **changed)), trust

    async def end(self, request: Request, *trusts: str) -> None:
        """Delete trusts that nothing needs any more; what fails is logged, and lets nobody in."""
        if self._keystone is None:
            return
        for trust in filter(None, trusts):
            try:
                await self._keystone.delete_trust(trust, request.headers.get(TOKEN_HEADER, ""))
            except (Unavailable, Forbidden, Invalid) as error:
                log.warning("trust %s is left in Keystone: %s", trust, error.detail)
