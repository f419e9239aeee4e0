"""Live faults and their causes, found by resource and by fault in constant time."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faultwire.domain import changes
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.faults import Fault, FaultState
from faultwire.domain.guest_changes import GuestsRemoved
from faultwire.domain.ids import FaultId

_Key = tuple[str, str]


class Holds:
    """The index of what is wrong now and what each wrong thing holds; pure, one writer."""

    def __init__(self) -> None:
        """Start empty; `apply` fills it."""
        self._faults: dict[FaultId, Fault] = {}
        self._by_identity: dict[str, FaultId] = {}
        self._by_type: dict[str, dict[FaultId, None]] = {}
        self._by_resource: dict[_Key, dict[str, Cause]] = {}
        self._by_fault: dict[str, dict[_Key, Cause]] = {}
        self._appliers: dict[type, Callable[[Any], None]] = {
            changes.FaultsSaved: self._faults_saved,
            changes.CausesSaved: self._causes_saved,
            changes.CausesRemoved: self._causes_removed,
            changes.ServersRemoved: lambda c: self._let_go(ResourceKind.SERVER, c.servers),
            changes.HostsRemoved: lambda c: self._let_go(ResourceKind.HOST, c.hosts),
            changes.PortsRemoved: lambda c: self._let_go(ResourceKind.PORT, c.ports),
            GuestsRemoved: lambda c: self._let_go(ResourceKind.GUEST, c.guests),
        }

    def apply(self, change: changes.Change) -> None:
        """Take one committed change; types that do not concern faults are passed over."""
        applier = self._appliers.get(type(change))
        if applier is not None:
            applier(change)

    def open_fault(self, identity: str) -> Fault | None:
        """Return the live fault of that identity."""
        name = self._by_identity.get(identity)
        return None if name is None else self._faults[name]

    def live_fault(self, fault: FaultId) -> Fault | None:
        """Return a live fault by id."""
        return self._faults.get(fault)

    def live(self) -> Iterator[Fault]:
        """Return all live faults, oldest first."""
        return iter(self._faults.values())

    def live_of(self, kinds: Iterable[str]) -> tuple[Fault, ...]:
        """Return the live faults of these types, at a cost that grows with their number alone."""
        return tuple([self._faults[one] for kind in kinds for one in self._by_type.get(kind, ())])

    def unmatched(self) -> tuple[Fault, ...]:
        """Return the live faults that wait for their resource to appear."""
        return tuple(f for f in self._faults.values() if f.state is FaultState.UNMATCHED)

    def causes_of(self, kind: ResourceKind, resource: str) -> tuple[Cause, ...]:
        """Return what holds a resource, oldest first."""
        held = self._by_resource.get((kind._value_, resource))
        return tuple(held.values()) if held else ()

    def causes(self) -> Iterator[Cause]:
        """Return all causes, resource by resource."""
        for held in self._by_resource.values():
            yield from held.values()

    def causes_by(self, fault: FaultId) -> tuple[Cause, ...]:
        """Return what a fault holds."""
        return tuple(self._by_fault.get(fault, {}).values())

    def _faults_saved(self, change: changes.FaultsSaved) -> None:
        for fault in change.faults:
            before = self._faults.get(fault.id)
            # A fault that waited under a short name is known by the full one once it is found.
            if before is not None and self._by_identity.get(before.identity) == fault.id:
                del self._by_identity[before.identity]
            if fault.live:
                self._faults[fault.id] = fault
                self._by_identity[fault.identity] = fault.id
                self._by_type.setdefault(fault.type.name, {})[fault.id] = None
            elif before is not None:
                del self._faults[fault.id]
                del self._by_type[fault.type.name][fault.id]

    def _causes_saved(self, change: changes.CausesSaved) -> None:
        for cause in change.causes:
            key = (cause.kind._value_, cause.resource)
            self._by_resource.setdefault(key, {})[cause.fault_id] = cause
            self._by_fault.setdefault(cause.fault_id, {})[key] = cause

    def _causes_removed(self, change: changes.CausesRemoved) -> None:
        for cause in change.causes:
            self._forget((cause.kind._value_, cause.resource), cause.fault_id)

    def _let_go(self, kind: ResourceKind, names: tuple[str, ...]) -> None:
        for name in names:
            key = (kind._value_, name)
            for fault_id in tuple(self._by_resource.get(key, ())):
                self._forget(key, fault_id)

    def _forget(self, key: _Key, fault_id: str) -> None:
        for table, outer, inner in (
            (self._by_resource, key, fault_id),
            (self._by_fault, fault_id, key),
        ):
            _forget_one(table, outer, inner)


def _forget_one(table: dict[Any, dict[Any, Cause]], outer: object, inner: object) -> None:
    held = table.get(outer)
    if held is not None:
        held.pop(inner, None)
        if not held:
            del table[outer]
