"""Engines that sweep addresses: ours by ICMP sockets here, the program fping beside."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from faultwire.liveness.icmp import IcmpWire, family_of
from faultwire.liveness.parse import LONGEST_US, SILENT, UNSENT
from faultwire.liveness.sweeper import PATIENT, Sweeper, run
from faultwire.liveness.sweeps import Patience
from faultwire.ports import Clock

_US = 1000


class SweepEngine(Protocol):
    """Asks addresses, each by its slot; not thread-safe, calls wait."""

    @property
    def name(self) -> str:
        """Return what it is called in evidence."""

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""

    def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot, in order, microseconds, SILENT, or UNSENT; raises Unavailable.

        A slot that stands for nothing is UNSENT.
        """


class IcmpEngine:
    """Implements `SweepEngine` over our own sockets, both families side by side."""

    name = "icmp"

    def __init__(
        self, wires: Mapping[int, IcmpWire], clock: Clock, patience: Patience = PATIENT
    ) -> None:
        """Take a wire for each family that there is; nobody else uses them."""
        self._sweepers = {family: Sweeper(wire, clock.mono_ns) for family, wire in wires.items()}
        self._families: dict[int, int] = {}
        self._clock = clock
        self._patience = patience

    def place(self, slot: int, address: str) -> None:
        """Let a slot stand for an address; raises ValueError for what is no address."""
        self.clear(slot)
        family = family_of(address)
        sweeper = self._sweepers.get(family)
        if sweeper is not None:
            sweeper.wire.place(slot, address)
            self._families[slot] = family

    def clear(self, slot: int) -> None:
        """Let a slot stand for nothing."""
        family = self._families.pop(slot, None)
        if family is not None:
            self._sweepers[family].wire.clear(slot)

    def sweep(self, slots: Sequence[int]) -> "array[int]":
        """Return for each slot, in order, microseconds, SILENT, or UNSENT."""
        parts = _parted(slots, self._families)
        for family, some in parts.items():
            self._sweepers[family].begin(some, self._patience)
        run((self._sweepers[family] for family in parts), self._clock.mono_ns)
        found: dict[int, int] = {}
        for family in parts:
            swept = self._sweepers[family].result()
            found.update(dict.fromkeys(swept.dead, SILENT))
            found.update({slot: min(took // _US, LONGEST_US) for slot, took in swept.took.items()})
        return array("I", [found.get(slot, UNSENT) for slot in slots])


def _parted(slots: Iterable[int], families: Mapping[int, int]) -> dict[int, list[int]]:
    parts: dict[int, list[int]] = {}
    for slot in slots:
        family = families.get(slot)
        if family is not None:
            parts.setdefault(family, []).append(slot)
    return parts
