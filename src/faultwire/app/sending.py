"""The sender and regular tasks, wired the same way in every process."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack

from faultwire.app.busline import BusLine
from faultwire.app.core import Core, Tools
from faultwire.config.configuration import Configuration
from faultwire.domain.alarms import Delivery
from faultwire.domain.errors import Unavailable
from faultwire.messaging import tls
from faultwire.messaging.memory import MemoryBus
from faultwire.messaging.topics import check_topics
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.endpoint import Endpoints
from faultwire.notifier.delivery.sender import Sender
from faultwire.notifier.delivery.wiring import Wiring
from faultwire.ports import Bus, Clock
from faultwire.ports.keystone import TrustTokens
from faultwire.store import StoredAlarms

log = logging.getLogger(__name__)


def bus_of(configuration: Configuration, tools: Tools, release: AsyncExitStack) -> Bus | None:
    """Return where events are published; None where they are not. Raises Invalid.

    It is closed with `release`.
    """
    default, rabbit = configuration.default, configuration.oslo_messaging_rabbit
    broker = tls.configured(default, rabbit)
    topics = check_topics("[notifier] also_publish", configuration.notifier.also_publish)
    if not topics:
        return None
    if broker is None:
        return MemoryBus()
    aodh = check_topics("[notifier] aodh_topics", configuration.notifier.aodh_topics)
    line = BusLine((default, rabbit), topics, tools.clock, tools.metrics, aodh)
    release.push_async_callback(line.close)
    log.info("events are published to %s as %s", broker, ", ".join(topics))
    return line


def sender_of(
    core: Core,
    alarms: StoredAlarms,
    configuration: Configuration,
    rules: guard.Rules,
    bus: Bus | None,
    trusts: TrustTokens | None = None,
) -> Sender:
    """Return a sender over the process's memory, writer and readers."""
    directory, tools = core.indexes.directory, core.tools
    wiring = Wiring(
        tools.clock,
        core.writer.settle,
        lambda project: [one.secret for one in directory.secrets(project)],
        core.reader,
        alarms,
        tools.probe,
        tools.metrics,
        bus=bus,
        trace=core.trace,
        trusts=trusts,
    )
    sender = Sender(wiring, configuration.notifier, rules)
    core.rush.when(sender.hurries)
    return sender


def endpoints_of(core: Core, configuration: Configuration, rules: guard.Rules) -> Endpoints:
    """Return what tests callbacks before anything is owed to them."""
    directory = core.indexes.directory
    return Endpoints(
        rules,
        configuration.notifier,
        core.tools.clock,
        lambda project: [one.secret for one in directory.secrets(project)],
    )


class Nobody:
    """Implements `ports.Outbox` where deliveries are taken from the database alone."""

    def expect(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: whoever sends them reads them from the database."""

    def wake(self, deliveries: Iterable[Delivery]) -> None:
        """Do nothing: the commit has told the senders."""


async def every(seconds: float, work: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Do something regularly until cancelled; a failure is logged and not the end."""
    while True:
        await clock.sleep(seconds)
        try:
            await work()
        except Unavailable as error:
            log.warning("a regular task is put off: %s", error.detail)
        except Exception:
            log.exception("a regular task failed and goes on")
