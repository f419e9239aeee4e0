"""Tells the server when an alarm was handled, signed with the project's own secret (T10)."""

import logging
import re

import aiohttp
import orjson

from faultwire.consumers.records import Record
from faultwire.consumers.secrets import Secrets
from faultwire.domain import signature
from faultwire.ports import Clock

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 5.0
TRIES = 4
FIRST_WAIT_SECONDS = 0.5
_FAULT = re.compile(r"[0-9A-Za-z-]{1,64}")
_NS = 1_000_000_000


class Marks:
    """Posts ``/v1/faults/{fault}/marks``; a few tries, because a late figure is worth little."""

    def __init__(self, base_url: str, clock: Clock, secrets: Secrets) -> None:
        """Take the fault face's URL; which secret is the project's the server finds out."""
        self._base = base_url.rstrip("/")
        self._clock = clock
        self._secrets = secrets
        self._session: aiohttp.ClientSession | None = None

    async def handled(self, record: Record) -> None:
        """Report when the alarm of a record was handled; failures are logged only.

        When it was received stood in the answer already, and a clear has no timeline.
        """
        fault = fault_of(record.alarm)
        if fault is None or record.alarm.get("current") != "alarm":
            return
        url = f"{self._base}/v1/faults/{fault}/marks"
        times = {"handled_at": record.times().get("handled_at")}
        body = orjson.dumps({"delivery_id": record.delivery_id, **times})
        why, again = await self._post(url, record.delivery_id, body)
        wait = FIRST_WAIT_SECONDS
        for _ in range(TRIES - 1):
            if not again:
                break
            await self._clock.sleep(wait)
            wait *= 2
            why, again = await self._post(url, record.delivery_id, body)
        if why:
            log.warning("marks of delivery %s were not taken: %s", record.delivery_id, why)

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, delivery_id: str, body: bytes) -> tuple[str, bool]:
        """Return what went wrong and whether to try again."""
        now_s = self._clock.wall_ns() // _NS
        headers = {
            "content-type": "application/json",
            signature.ID: delivery_id,
            signature.TIMESTAMP: str(now_s),
            signature.SIGNATURE: signature.sign(self._secrets.current(), delivery_id, now_s, body),
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
            )
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                taken = answer.status < 300
                return "" if taken else f"HTTP {answer.status}", answer.status >= 500
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return "the URL cannot be used", False
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}", True


def fault_of(alarm: object) -> str | None:
    """Return the fault that an alarm's event names in its traits; None where there is none."""
    try:
        traits = alarm["reason_data"]["event"]["traits"]  # type: ignore[index]
        found = next((str(value) for name, _, value in traits if name == "fault_id"), "")
    except (KeyError, TypeError, ValueError):
        return None
    return found if _FAULT.fullmatch(found) else None
