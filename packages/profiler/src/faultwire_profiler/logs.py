"""The log collector: checkpoints and exchanges from lines, by rules, in one pass.

A block is searched for the rules' fixed texts; only lines that hold one are tried. What is kept
is what was found, so memory does not grow with the file.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from faultwire_profiler.blocks import Tell
from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.evidence import Evidence, Exchange, Kind, Origin, Sighting
from faultwire_profiler.marks import UPPER_BOUND, Instant, Mark
from faultwire_profiler.rules import Log, Rule, groups
from faultwire_profiler.times import resolution_ns

EXCHANGES_KEPT = 100_000
"""Exchanges of a collection that are put together from lines; later ones are left out."""


_DURATION = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


@dataclass(slots=True)
class _Steps:
    """What lines said of one exchange.

    A request that is sent or read more than once leaves the widest bounds, which hold for all.
    """

    client: str = ""
    server: str = ""
    times: dict[str, int] = field(default_factory=dict)

    def add(self, step: str, at: int, clock: str) -> None:
        keep = min if step in {"sent", "answered"} else max
        self.times[step] = keep(self.times[step], at) if step in self.times else at
        if step in {"sent", "returned"}:
            self.client = max(self.client, clock)
        else:
            self.server = max(self.server, clock)


class Collector:
    """Reads logs; what it finds is in `evidence` after `finish`."""

    def __init__(self, *layers: Sequence[Log]) -> None:
        """Take the kinds of logs that are known; a file is read by the first layer that has any.

        So rules of one's own take the place of those that come with the profiler.
        """
        self.evidence = Evidence()
        self._layers = layers
        self._exchanges: dict[str, _Steps] = {}

    def takes(self, name: str) -> bool:
        """Whether any rules are for a log of this name."""
        return any(log.takes(name) for layer in self._layers for log in layer)

    def take(self, name: str, blocks: Iterable[bytes], clock: str = "") -> int:
        """Read one file, `name` without its folder; return how many lines said something.

        `clock` names the machine that wrote it, where the rules do not. A file that no rules
        take is a problem, no error.
        """
        taken = ([log for log in layer if log.takes(name)] for layer in self._layers)
        kinds = next((logs for logs in taken if logs), [])
        tell = self.evidence.problems.append
        if not kinds:
            tell(f"{name}: no rules are for a log of this name")
            return 0
        readers = [_Reader(log, name, clock or log.host) for log in kinds]
        for block in blocks:
            for one in readers:
                for rule, line in one.hits(block):
                    self._line(one, rule, line)
        for one in readers:
            one.told(tell)
        return sum(one.read for one in readers)

    def finish(self) -> Evidence:
        """Return what was found in all files."""
        for _, steps in sorted(self._exchanges.items()):
            at = steps.times
            self.evidence.exchanges.append(
                Exchange(
                    steps.client,
                    steps.server,
                    at.get("sent"),
                    at.get("received"),
                    at.get("answered"),
                    at.get("returned"),
                )
            )
        self._exchanges.clear()
        return self.evidence

    def _line(self, reader: "_Reader", rule: Rule, line: bytes) -> None:
        found = rule.match.search(line)
        if found is None:
            return
        said = groups(found)
        seen = reader.at(line, said)
        if seen is None:
            return
        first, last, exact = seen
        if "ms" in said:
            last = _ended(last, said["ms"], exact if rule.upper_bound else 0)
            first = last
        if rule.step:
            self._step(said["id"], rule.step, last, reader.clock)
            return
        point = rule.point or said.get("point", "")
        if point not in BY_KEY:
            return
        fault = said.get("fault", "")
        origin = Origin(Kind.LOG, reader.feed, reader.clock, exact)
        source = UPPER_BOUND if rule.upper_bound else reader.feed
        count = _whole(said.get("count"), 1)
        mark = Mark(point, Instant(first), Instant(last), count, source, rule.upper_bound)
        self.evidence.add(Sighting(mark, origin, fault, said.get("host", "")))
        if fault and "servers" in said:
            self.evidence.servers[fault] = _whole(said["servers"], 0)

    def _step(self, key: str, step: str, at: int, clock: str) -> None:
        steps = self._exchanges.get(key)
        if steps is None:
            if len(self._exchanges) >= EXCHANGES_KEPT:
                return
            steps = self._exchanges[key] = _Steps()
        steps.add(step, at, clock)


class _Reader:
    """One file by the rules of one kind of log."""

    def __init__(self, log: Log, feed: str, clock: str) -> None:
        self.feed = feed
        self.clock = clock
        self.read = 0
        self._log = log
        self._fixed: dict[bytes, list[Rule]] = {}
        for rule in log.rules:
            if rule.literal:
                self._fixed.setdefault(rule.literal, []).append(rule)
        self._free = [rule for rule in log.rules if not rule.literal]
        self._timeless = 0
        self._example = b""

    def hits(self, block: bytes) -> Iterator[tuple[Rule, bytes]]:
        """Return the lines of a block that a rule may match, each with that rule."""
        for fixed, rules in self._fixed.items():
            at = block.find(fixed)
            while at >= 0:
                start = block.rfind(b"\n", 0, at) + 1
                end = block.find(b"\n", at)
                end = len(block) if end < 0 else end
                line = block[start:end]
                for rule in rules:
                    yield rule, line
                at = block.find(fixed, end)
        if self._free:
            for line in block.split(b"\n"):
                for rule in self._free:
                    yield rule, line

    def at(self, line: bytes, said: dict[str, str]) -> tuple[int, int, int] | None:
        """Return first, last and exactness of a line's times; None where it has none."""
        try:
            last = said.get("last") or self._time(line)
            first = said.get("first") or last
            last_ns = self._log.read(last)
            first_ns = last_ns if first == last else self._log.read(first)
        except (ValueError, OverflowError):
            self._timeless += 1
            self._example = self._example or line[:200]
            return None
        self.read += 1
        return first_ns, last_ns, resolution_ns(last)

    def told(self, tell: Tell) -> None:
        """Tell of lines that were left out."""
        if self._timeless:
            shown = self._example.decode("utf-8", "replace")
            why = f"{self._timeless} lines without a time that {self._log.name} can read"
            tell(f"{self.feed}: {why}, the first: {shown!r}")

    def _time(self, line: bytes) -> str:
        found = self._log.time.search(line)
        if found is None or found["time"] is None:
            raise ValueError
        return bytes(found["time"]).decode("utf-8", "replace")


def _ended(began_ns: int, ms: str, coarse_ns: int) -> int:
    """Return when what began then was over; as late as a coarse time allows."""
    whole = round(float(ms) * 1_000_000) if _DURATION.fullmatch(ms) else 0
    return began_ns + whole + coarse_ns


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else default
