"""What a sender is wired to."""

from dataclasses import dataclass
from random import Random

from faultwire.notifier.delivery.resolver import Lookup
from faultwire.notifier.delivery.settling import Settle
from faultwire.notifier.delivery.trying import Secrets, Trace
from faultwire.ports import AlarmStore, Bus, Clock, Meter, Probe, Reader
from faultwire.ports.keystone import TrustTokens


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the sender needs of the rest.

    `settle` records attempts (`Ledger.settle`, awaited); `read` and `store` are the outbox as
    stored; `lookup` stands in for the system's resolver, `random` for chance. `bus` takes what is
    for a message bus; without one that is refused. `trace` is told of webhooks that are over.
    `trusts` gives tokens to actions that run in a user's name; without it they are refused.
    """

    clock: Clock
    settle: Settle
    secrets: Secrets
    read: Reader
    store: AlarmStore
    probe: Probe
    meter: Meter
    lookup: Lookup | None = None
    random: Random | None = None
    bus: Bus | None = None
    trace: Trace | None = None
    trusts: TrustTokens | None = None
