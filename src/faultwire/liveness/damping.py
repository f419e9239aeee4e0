"""Damping: what goes up and down too often is told less often, and that it does so is told.

::

    well ─BAD─▶ bad ─WELL─▶ well
    well, bad ─SHELVED─▶ shelved ─STABLE─▶ well or bad, whichever it is then

What was well for long is told bad at once, whatever the terms. What was bad lately is told again
by N of the last M looks. Each turn adds one to a score, which halves with time; at `flaps` the
thing is shelved, and nothing more is told of it until the score is down to half of that. Pure:
times are arguments, monotonic nanoseconds.
"""

from collections import deque
from collections.abc import KeysView, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.faults import (
    AGENT_DOWN,
    HOST_DOWN,
    HUNG,
    NIC_ERROR,
    UNREACHABLE,
)

SAMPLE_NS = 100_000_000
"""How often is looked at what is about to be told."""
FORGOTTEN = 1.0
"""A score below this is no history: the next time counts as the first."""


ROUNDED = 0.5
"""Turns that follow each other quickly count as whole ones."""


class Told(StrEnum):
    """What is told of a thing."""

    BAD = "bad"
    WELL = "well"
    SHELVED = "shelved"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class OutOf:
    """So many of the last so many looks."""

    needed: int
    of: int

    def met(self, looks: "deque[bool]", wanted: bool) -> bool:  # noqa: FBT001
        """Return whether enough of the last looks found what is wanted."""
        last = list(looks)[-self.of :]
        return sum(one is wanted for one in last) >= self.needed


@dataclass(frozen=True, slots=True)
class Terms:
    """When it is told bad again, and when it is told well."""

    bad: OutOf
    well: OutOf


ONCE = OutOf(1, 1)

DEFAULTS: Mapping[str, Terms] = {
    # The burst and the answers in a row are its terms already.
    HOST_DOWN: Terms(ONCE, ONCE),
    # So are the silence and the time to return.
    HUNG: Terms(ONCE, ONCE),
    AGENT_DOWN: Terms(ONCE, ONCE),
    UNREACHABLE: Terms(OutOf(3, 5), OutOf(5, 5)),
    NIC_ERROR: Terms(OutOf(3, 5), OutOf(5, 5)),
}
"""Terms by type of fault."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be told of a thing, and its score by now."""

    type: str
    thing: str
    told: Told
    score: float


@dataclass(slots=True)
class _Track:
    """One thing: how it is, what was told of it, and what was seen lately."""

    terms: Terms
    bad: bool = False
    told: bool = False
    shelved: bool = False
    score: float = 0.0
    at: int = 0
    looked: int = 0
    looks: "deque[bool]" = field(default_factory=deque)


class Damper:
    """Not thread-safe, one caller, which calls `tick` regularly."""

    def __init__(self, terms: Mapping[str, Terms], flaps: int, half_life_ns: int) -> None:
        """Know of nothing."""
        self._terms = terms
        self._flaps = flaps
        self._half_life = half_life_ns
        self._tracks: dict[tuple[str, str], _Track] = {}

    def shelved(self) -> tuple[tuple[str, str], ...]:
        """Return type and thing of what is shelved now."""
        return tuple(key for key, one in self._tracks.items() if one.shelved)

    def hold(self, kind: str, thing: str, now: int) -> None:
        """Begin with a thing that was told bad before our start."""
        track = self._track(kind, thing, now)
        track.bad = track.told = True

    def signal(self, kind: str, thing: str, now: int, *, bad: bool) -> list[Act]:
        """Take how a thing is now; return what is to be told at once."""
        track = self._tracks.get((kind, thing))
        if track is None:
            if not bad:
                return []
            track = self._track(kind, thing, now)
        if track.bad is bad:
            return []
        self._fade(track, now)
        first = track.score < FORGOTTEN
        track.bad, track.looked = bad, now
        track.looks.append(bad)
        track.score += 1
        if track.shelved:
            return []
        if track.score >= self._flaps - ROUNDED:
            track.shelved = True
            return [Act(kind, thing, Told.SHELVED, track.score)]
        return self._judge(kind, thing, track, first=first and bad)

    def forget(self, kind: str, thing: str) -> list[Act]:
        """Know nothing of a thing any more."""
        track = self._tracks.pop((kind, thing), None)
        shelved = track is not None and track.shelved
        return [Act(kind, thing, Told.STABLE, 0.0)] if shelved else []

    def known(self) -> KeysView[tuple[str, str]]:
        """Return type and thing of everything that has a history."""
        return self._tracks.keys()

    def tick(self, now: int) -> list[Act]:
        """Look at everything again; return what is to be told now."""
        acts: list[Act] = []
        for (kind, thing), track in list(self._tracks.items()):
            self._fade(track, now)
            if now - track.looked >= SAMPLE_NS:
                # A late look is one look: nothing was seen in between.
                track.looked = now
                track.looks.append(track.bad)
            if track.shelved:
                if 2 * track.score > self._flaps:
                    continue
                track.shelved = False
                acts.append(Act(kind, thing, Told.STABLE, track.score))
                # Whatever was told before: others may have closed or opened it meanwhile.
                track.told = not track.bad
                acts += self._tell(kind, thing, track)
            else:
                acts += self._judge(kind, thing, track, first=False)
            if not track.bad and not track.told and track.score < FORGOTTEN:
                del self._tracks[kind, thing]
        return acts

    def _judge(self, kind: str, thing: str, track: _Track, *, first: bool) -> list[Act]:
        if track.bad is track.told:
            return []
        needed = track.terms.bad if track.bad else track.terms.well
        if first or needed.met(track.looks, track.bad):
            return self._tell(kind, thing, track)
        return []

    @staticmethod
    def _tell(kind: str, thing: str, track: _Track) -> list[Act]:
        if track.bad is track.told:
            return []
        track.told = track.bad
        told = Told.BAD if track.bad else Told.WELL
        return [Act(kind, thing, told, track.score)]

    def _track(self, kind: str, thing: str, now: int) -> _Track:
        terms = self._terms.get(kind, Terms(ONCE, ONCE))
        looks: deque[bool] = deque(maxlen=max(terms.bad.of, terms.well.of))
        track = _Track(terms, at=now, looked=now, looks=looks)
        self._tracks[kind, thing] = track
        return track

    def _fade(self, track: _Track, now: int) -> None:
        track.score *= 0.5 ** ((now - track.at) / self._half_life)
        track.at = now
