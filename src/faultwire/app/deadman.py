"""The dead-man's beat: somebody outside hears from us for as long as we are well.

Whoever watches the installation must not depend on it. So we only say that we are well, and what
tells people is the silence: of a process that is gone, of a machine or network that is gone, or
of one that looked at itself and found that it does no work.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from faultwire.config.deadman import Settings, Unwell
from faultwire.consumers.secrets import Secrets
from faultwire.consumers.signed_post import SignedPost
from faultwire.domain.commands import RetryUnmatched
from faultwire.domain.errors import FaultwireError, Invalid
from faultwire.domain.ids import HostName
from faultwire.domain.instants import rfc3339
from faultwire.ports import Clock, Intake, Meter

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""Longest time of one look at one part; who takes longer is not well."""
_NS = 1_000_000_000

Check = Callable[[], Awaitable[str | None]]
"""Looks at one part; returns what is wrong with it, or nothing."""


class Seen(Protocol):
    """The writer, as far as a beat needs it."""

    async def seen(self, hosts: list[tuple[HostName, int]]) -> None:
        """Write to the database; raises Unavailable."""


class Sends(Protocol):
    """The sender, as far as a beat needs it."""

    def stuck(self) -> str | None:
        """Return what is wrong if webhooks wait and none is tried."""


def checks_of(
    lane: Intake,
    writer: Seen,
    sender: Sends,
    late_ms: Callable[[], float],
    most_late_ms: float,
    broken: Callable[[], str | None],
) -> dict[str, Check]:
    """Return how a server looks at itself.

    A command that changes nothing goes through the lane, and a write that changes nothing to the
    database; the event loop must be punctual, the sender must move, and no regular task may have
    ended.
    """

    async def tasks() -> str | None:
        return broken()

    async def loop() -> str | None:
        late = late_ms()
        return f"is {late:.0f} ms late" if late >= most_late_ms else None

    async def webhooks() -> str | None:
        return sender.stuck()

    async def commands() -> None:
        await lane.submit(RetryUnmatched())

    async def database() -> None:
        # No host has that name: the transaction is real and changes nothing.
        await writer.seen([(HostName(""), 0)])

    return {
        "a task": tasks,
        "the event loop": loop,
        "the sender": webhooks,
        "the lane": commands,
        "the database": database,
    }


class DeadMan:
    """Looks at everything each interval, and beats if nothing is wrong; on the event loop."""

    def __init__(
        self,
        settings: Settings,
        checks: Mapping[str, Check],
        clock: Clock,
        meter: Meter,
        name: str,
    ) -> None:
        """Take what to look at, by name; `name` says who beats.

        Raises Invalid for a URL, a secret or a file that cannot be.
        """
        self._settings = settings
        self._checks = checks
        self._clock = clock
        self._meter = meter
        self._name = name
        self._last = ""
        self._post: SignedPost | None = None
        if settings.url:
            try:
                secrets = Secrets(file=Path(settings.secret_file))
                self._post = SignedPost(settings.url, secrets, clock, settings.ca_file)
            except Invalid as error:
                raise Invalid(f"[deadman] {error.field}", error.reason) from None
            if not secrets.current():
                raise Invalid("[deadman] secret_file", "holds no secret")

    async def run(self) -> None:
        """Beat until cancelled; without a URL, only wait for that."""
        if self._post is None:
            await asyncio.Event().wait()
            return
        try:
            while True:
                began = self._clock.mono_ns()
                await self.beat()
                took = (self._clock.mono_ns() - began) / _NS
                await self._clock.sleep(max(0.1, self._settings.interval_seconds - took))
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection."""
        if self._post is not None:
            await self._post.close()

    async def beat(self) -> None:
        """Look once, and say what there is to say."""
        reasons = await self.reasons()
        result = "sent"
        trouble = ""
        if reasons and self._settings.when_unwell is Unwell.SILENT:
            result = "withheld"
        elif self._post is not None:
            trouble = await self._post.post(str(uuid.uuid4()), self._body(reasons))
            result = "failed" if trouble else result
        self._meter.count("faultwire_deadman_beats_total", result=result)
        self._tell("; ".join(reasons) or (trouble and f"the beat was not taken: {trouble}"))

    async def reasons(self) -> list[str]:
        """Return what is wrong, part by part; empty if all is well."""
        found = await asyncio.gather(
            *(self._look(name, check) for name, check in self._checks.items())
        )
        return [text for text in found if text]

    async def _look(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                wrong = await check()
        except TimeoutError:
            wrong = f"did not answer within {CHECK_SECONDS:g} s"
        except FaultwireError as error:
            wrong = str(error)
        except Exception:
            log.exception("%s could not be looked at; this is a defect", name)
            wrong = "could not be looked at"
        return f"{name}: {wrong}" if wrong else ""

    def _body(self, reasons: list[str]) -> dict[str, object]:
        return {
            "kind": "faultwire.beat",
            "name": self._name,
            "well": not reasons,
            "reasons": reasons,
            "sent_at": rfc3339(self._clock.wall_ns()),
            "interval_seconds": self._settings.interval_seconds,
        }

    def _tell(self, text: str) -> None:
        """Log what changed, once."""
        if text == self._last:
            return
        self._last = text
        if text:
            log.warning("not well, or nobody hears it: %s", text)
        else:
            log.info("well again, and the beat is heard")
