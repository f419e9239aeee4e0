"""What the alarming face needs of the rest, and its error body."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.errors import FaultwireError, Forbidden, NotFound, OverQuota, Unavailable
from faultwire.domain.ids import ProjectId, SubscriptionId
from faultwire.domain.samples import Sample
from faultwire.domain.subscriptions import Subscription
from faultwire.faces.alarming.settings import Settings
from faultwire.faces.http import MESSAGES
from faultwire.ports import (
    AlarmStore,
    Authenticator,
    Clock,
    Directory,
    Enforcer,
    Intake,
    Reader,
    SubscriptionStore,
)
from faultwire.ports.keystone import KeystoneApi, TrustTokens


async def _nowhere(samples: Sequence[Sample]) -> None:
    raise Unavailable(f"nobody keeps {len(samples)} samples here")


TestCallback = Callable[[ProjectId, str, str, Mapping[str, object], str], Awaitable[str]]
"""Posts a body once to a callback of a project; answers what came back in the place of a 2xx.

The arguments are project, URL, the delivery's id, the body, and the secret that signs where the
project has none yet.
"""


async def _untested(
    project: ProjectId, url: str, name: str, body: Mapping[str, object], secret: str
) -> str:
    del project, url, name, body, secret
    raise Unavailable("nobody tests callbacks here")


class Nowhere:
    """Implements `ports.SubscriptionStore` without any."""

    def subscription(self, subscription: SubscriptionId) -> tuple[Subscription, int]:
        """Raise NotFound."""
        raise NotFound(f"no subscription {subscription}")

    def subscriptions(
        self, *, project: ProjectId | None, limit: int, marker: str | None
    ) -> tuple[tuple[Subscription, int], ...]:
        """Return none."""
        del project, limit, marker
        return ()


_NONE = Nowhere()


@dataclass(frozen=True, slots=True)
class AlarmingPorts:
    """Ports and callables.

    `check_action` raises Invalid for a URL that will never be called. `new_secret` draws a
    signing secret for a project. `sample` keeps samples; raises Unavailable.
    `alarm_quota` says how many alarms a project may have, -1 for any number; `subscribed` how
    many subscriptions it has. With `keystone` actions may run in a user's name; `trusts` keeps
    the tokens for that.
    """

    authenticator: Authenticator
    enforcer: Enforcer
    intake: Intake
    clock: Clock
    directory: Directory
    alarms: AlarmStore
    read: Reader
    check_action: Callable[[str], None]
    new_secret: Callable[[ProjectId], WebhookSecret]
    settings: Settings
    sample: Callable[[Sequence[Sample]], Awaitable[None]] = _nowhere
    subscriptions: SubscriptionStore = _NONE
    test_callback: TestCallback = _untested
    alarm_quota: Callable[[ProjectId], int] = lambda _: -1
    subscribed: Callable[[ProjectId], int] = lambda _: 0
    keystone: KeystoneApi | None = None
    trusts: TrustTokens | None = None


ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error_message"],
    "properties": {
        "error_message": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {
                        "faultcode": {"type": "string", "enum": ["Client", "Server"]},
                        "faultstring": {"type": "string"},
                        "debuginfo": {"type": "null"},
                    },
                },
                {"type": "string", "description": "No such path, or method of it."},
            ]
        }
    },
}
"""JSON schema of this face's error body."""


def error_body(status: int, error: FaultwireError) -> object:
    """Return Aodh's error body: WSME's object; pecan's text where no route was found."""
    text = str(error)
    barred = isinstance(error, Forbidden) and not isinstance(error, OverQuota)
    if text == MESSAGES.get(status):
        return {"error_message": f"{status} {HTTPStatus(status).phrase}\n\n{text}\n\n   "}
    return {
        "error_message": {
            "faultcode": "Client" if status < 500 else "Server",
            "faultstring": "RBAC Authorization Failed" if barred else text,
            "debuginfo": None,
        }
    }
