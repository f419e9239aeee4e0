"""Whether a cloud tells of its changes: what was heard, what looks found untold; pure (S1-S3).

Nova tells of nothing unless it is asked to, and of states only where it is asked to do that too.
A difference that a look finds may be on its way: it counts as untold at the next look only, if no
notification about that thing came before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faultwire.controllers.openstack.drift import HOST, PORT, SERVER, STATE
from faultwire.controllers.openstack.naming import About
from faultwire.domain.ids import ServerId
from faultwire.domain.notices import Notice, PortNotice, ServerNotice, ServiceNotice
from faultwire.ports import Inventory

ENOUGH = 3
"""Untold changes of a kind that was heard before, until it is taken to be off."""

NOVA_DRIVER = (
    "# nova.conf, of every Nova service",
    "[oslo_messaging_notifications]",
    "driver = messagingv2",
    "[notifications]",
    "notification_format = both",
    "notify_on_state_change = vm_and_task_state",
)
NOVA_FORMAT = (
    "# nova.conf, of every Nova service",
    "[notifications]",
    "notification_format = both",
)
NOVA_STATES = (
    "# nova.conf, of every Nova service",
    "[notifications]",
    "notify_on_state_change = vm_and_task_state",
)
NEUTRON_DRIVER = (
    "# neutron.conf",
    "[oslo_messaging_notifications]",
    "driver = messagingv2",
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a cloud does not tell of, and the lines of its configuration that mend it."""

    what: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines, for a message."""
        return "".join(f"\n    {line}" for line in self.lines)


ADVICE: Mapping[str, Advice] = {
    SERVER: Advice("servers that come, move and go", NOVA_DRIVER),
    STATE: Advice("states of servers", NOVA_STATES),
    HOST: Advice("services that are disabled or forced down", NOVA_FORMAT),
    PORT: Advice("ports", NEUTRON_DRIVER),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a cloud; times are wall ns, `last` is None before the first."""

    since_ns: int
    last_ns: int | None
    untold: Mapping[str, int]
    advice: tuple[Advice, ...]


class Hearing:
    """Follows what one cloud tells; on the event loop."""

    def __init__(self, since_ns: int) -> None:
        """Have heard nothing since that wall time."""
        self._since_ns = since_ns
        self._last_ns: int | None = None
        self._heard: set[str] = set()
        self._untold: Counter[str] = Counter()
        self._unbroken: Counter[str] = Counter()
        # Of what was told since the look before the last one.
        self._lately: tuple[set[About], set[About]] = (set(), set())
        self._waiting: tuple[About, ...] = ()
        self._listened = True

    def told(self, notices: Iterable[Notice], inventory: Inventory, now_ns: int) -> None:
        """Take notices of the cloud's, before the map has them."""
        self._last_ns = now_ns
        for notice in notices:
            match notice:
                case ServerNotice(id=name, vm_state=state):
                    self._note((SERVER, name))
                    had = inventory.server(ServerId(name))
                    if state is not None and had is not None and had.vm_state is not state:
                        self._note((STATE, name))
                case PortNotice(id=name):
                    self._note((PORT, name))
                case ServiceNotice(host=name):
                    self._note((HOST, name))
                case _:
                    pass

    def _note(self, about: About) -> None:
        kind, _ = about
        self._heard.add(kind)
        self._unbroken[kind] = 0
        self._lately[1].add(about)

    def looked(self, differed: Iterable[About], *, listening: bool = True) -> Mapping[str, int]:
        """Take what a look found to differ; return what the last one found and nobody told of.

        What was not told while nobody was `listening` says nothing of the cloud.
        """
        said = self._lately[0] | self._lately[1]
        untold = Counter(
            kind
            for kind, name in self._waiting
            if (SERVER if kind == STATE else kind, name) not in said
        )
        self._untold += untold
        if listening and self._listened:
            self._unbroken += untold
        self._listened = listening
        self._waiting = tuple(differed)
        self._lately = (self._lately[1], set())
        return untold

    def known(self) -> Heard:
        """Return how it stands."""
        found = {
            kind
            for kind, count in self._unbroken.items()
            if count >= (ENOUGH if kind in self._heard else 1)
        }
        # Where nothing at all is told of servers, the lines for all of Nova say the rest too.
        if not self._heard & {SERVER, HOST} and found & {SERVER, STATE, HOST}:
            found = (found - {STATE, HOST}) | {SERVER}
        advice = tuple(ADVICE[kind] for kind in ADVICE if kind in found)
        return Heard(self._since_ns, self._last_ns, dict(self._untold), advice)
