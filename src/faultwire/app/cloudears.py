"""What clouds tell by their notifications, made fit for the map: whose it is, and if it is news.

A notification that waited while a look was made says how things were, not how they are: it is
passed over, so that nobody is told of a host that a server has left.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from faultwire.controllers.openstack.hearing import Hearing
from faultwire.controllers.openstack.naming import Naming, cloud_named, in_our_words, is_anothers
from faultwire.domain.notices import Notice, PortNotice, ServerNotice
from faultwire.domain.standing import CloudLook
from faultwire.domain.states import VmState
from faultwire.ports import Inventory

LATE_NS = 5_000_000_000
"""How much older than a look a notification may be: clocks differ, and a look takes its time."""


IsEcho = Callable[[str, VmState, int], bool]
"""Says whether a server's state, told of at a wall time, is one that we asked for and is over."""


class Claims:
    """Servers and ports that clouds have on no host, so that nothing else says whose they are."""

    def __init__(self, clouds: Iterable[str]) -> None:
        """Know of none: no cloud was looked at."""
        self._of: dict[str, set[str] | None] = dict.fromkeys(clouds)

    def looked(self, cloud: str, ids: Iterable[str]) -> None:
        """Take what a look at a cloud found."""
        self._of[cloud] = set(ids)

    def told(self, cloud: str, name: str) -> None:
        """Take one that a cloud told of."""
        claimed = self._of.get(cloud)
        if claimed is not None:
            claimed.add(name)

    def elsewhere(self, cloud: str, name: str) -> bool:
        """Whether another cloud has it, or may have: it was not looked at yet."""
        return any(ids is None or name in ids for other, ids in self._of.items() if other != cloud)


class Ear:
    """What one cloud tells; on the event loop."""

    def __init__(
        self, name: str, naming: Naming, claims: Claims, inventory: Inventory, is_echo: IsEcho
    ) -> None:
        """Take whose it is; `hearing` is to be set before anything is heard."""
        self.name = name
        self._is_echo = is_echo
        self.naming = naming
        self._claims = claims
        self._inventory = inventory
        self.hearing = Hearing(0)
        self.transport_url = ""
        self.line: Callable[[], str | None] = lambda: None
        """What is wrong with the line to its bus, empty while all is well; None without one."""
        self.looked_ns = 0
        """When the last good look at the cloud began."""

    def elsewhere(self, name: str) -> bool:
        """Whether another cloud has a thing that is on no host."""
        return self._claims.elsewhere(self.name, name)

    def claim(self, ids: Iterable[str]) -> None:
        """Take what a look found on no host."""
        self._claims.looked(self.name, ids)

    def news(
        self, notices: Sequence[Notice], told_ns: int | None, now_ns: int
    ) -> tuple[Notice, ...]:
        """Return what is new of what the cloud told at that time, with our names of its hosts."""
        ours = [in_our_words(one, self.naming) for one in notices]
        self.hearing.told(ours, self._inventory, now_ns)
        old = told_ns is not None and told_ns < self.looked_ns - LATE_NS
        news = [one for one in ours if self._is_news(one, old=old)]
        return tuple(self._without_echo(one, now_ns) for one in news)

    def _without_echo(self, notice: Notice, now_ns: int) -> Notice:
        """Return a notice without the state that we made ourselves: owners heard of its end."""
        if not isinstance(notice, ServerNotice) or notice.gone or notice.vm_state is None:
            return notice
        if not self._is_echo(notice.id, notice.vm_state, now_ns):
            return notice
        return replace(notice, vm_state=None)

    def _is_news(self, notice: Notice, *, old: bool) -> bool:
        if isinstance(notice, ServerNotice | PortNotice):
            if is_anothers(notice, self.naming, self._inventory, self.elsewhere):
                return False
            if not notice.host:
                self._claims.told(self.name, notice.id)
            # What is gone never comes back under its id.
            return notice.gone or not old
        return not old


class Ears:
    """Those of all clouds."""

    def __init__(
        self,
        namings: Mapping[str, Naming],
        inventory: Inventory,
        is_echo: IsEcho = lambda *_: False,
    ) -> None:
        """Take how hosts of each cloud are called, and who knows what we asked clouds for."""
        claims = Claims(namings)
        self._ears = {
            name: Ear(name, naming, claims, inventory, is_echo) for name, naming in namings.items()
        }

    def __iter__(self) -> Iterator[Ear]:
        """Return each cloud's."""
        return iter(self._ears.values())

    def of(self, name: object) -> Ear | None:
        """Return a cloud's; None where there is no cloud. Raises Invalid for one we do not have.

        Of one cloud alone the name may be left out.
        """
        return self._ears.get(cloud_named(name, tuple(self._ears)))


@dataclass(slots=True)
class Follows:
    """What clouds that are not ours tell, None where there is none, and how each is followed."""

    ears: Ears | None = None
    looks: Callable[[], Iterable[CloudLook]] = tuple
