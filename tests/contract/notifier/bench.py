"""A sender over an outbox in memory and real sockets of this machine."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from faultwire.domain import signature
from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId, FaultId, ProjectId, derived
from faultwire.messaging.memory import MemoryBus
from faultwire.notifier.delivery import guard
from faultwire.notifier.delivery.resolver import Lookup
from faultwire.notifier.delivery.sender import Sender
from faultwire.notifier.delivery.wiring import Wiring
from faultwire.notifier.settings import Settings
from faultwire.ports import Clock
from faultwire.telemetry.clock import SystemClock
from faultwire.testing.outbox import MemoryOutbox, QuietMeter, RecordingProbe

FAULT = FaultId(derived("fault"))


@dataclass
class Bench:
    """A sender and everything it touches."""

    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    probe: RecordingProbe = field(default_factory=RecordingProbe)
    meter: QuietMeter = field(default_factory=QuietMeter)
    secrets: Sequence[str] = (signature.new_secret(bytes(range(32))),)
    clock: Clock = field(default_factory=SystemClock)
    senders: list[Sender] = field(default_factory=list)
    bus: MemoryBus | None = None
    trusts: Any = None
    _number: "itertools.count[int]" = field(default_factory=itertools.count)

    def delivery(self, url: str, alarm: str = "", project: str = "p", age_s: int = 0) -> Delivery:
        """Owe a delivery; each has an alarm of its own unless one is named."""
        number = next(self._number)
        made = Delivery(
            DeliveryId(derived("delivery", number)),
            ProjectId(project),
            url,
            alarm or f"alarm-{number}",
            b'{"number":%d}' % number,
            self.clock.wall_ns() - age_s * 1_000_000_000 + number,
            FAULT,
        )
        self.outbox.owe(made)
        return made

    async def start(
        self, lookup: Lookup | None = None, *, load: bool = True, **settings: object
    ) -> Sender:
        """Start a sender; retries come quickly unless the settings say otherwise."""
        options = {"retry_first_ms": 10, "retry_max_s": 1, **settings}
        configured = Settings(**options)
        wiring = Wiring(
            self.clock,
            self.outbox.settle,
            lambda _: self.secrets,
            self.outbox.read,
            self.outbox,
            self.probe,
            self.meter,
            lookup,
            Random(7),
            self.bus,
            trusts=self.trusts,
        )
        sender = Sender(wiring, configured, guard.rules_of(configured, on_loopback=True))
        self.senders.append(sender)
        await sender.start(load=load)
        return sender
