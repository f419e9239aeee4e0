"""Who is asked for next in a round of queries, so that no project makes it late for others (D18).

Projects take turns, and each has so many queries under way at most. One whose queries go without
an answer, or that has had more than its part of a round that is late, is passed over for the rest
of it. Pure: time is an argument.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from faultwire.domain.alarms import Alarm

PATIENCE = 2
"""Queries of one project without an answer, after which the rest of its round is passed over."""

SHARE = 2
"""A project has one in so many of the queries that run at once."""


class Turns:
    """The alarms of one round; whoever takes one with `next` says `over` when it is done with.

    `queries` are asked at once, of all projects. After `allowed_ns` the round is late.
    """

    def __init__(
        self, alarms: Iterable[Alarm], queries: int, began_ns: int, allowed_ns: int
    ) -> None:
        """Begin a round; the first alarm of each project comes first, then the second of each."""
        self._waiting: dict[str, deque[Alarm]] = {}
        for alarm in alarms:
            self._waiting.setdefault(alarm.project, deque()).append(alarm)
        # Those with something to ask for, and room for it.
        self._ready = deque(self._waiting)
        self._share = max(1, queries // SHARE)
        self._late_ns = began_ns + allowed_ns
        self._fair_ns = queries * allowed_ns // max(1, len(self._waiting))
        self._longest_row = PATIENCE * queries
        self._flying: Counter[str] = Counter()
        self._spent: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._row = 0
        self._answers = 0
        self.reason = ""

    @property
    def silent(self) -> bool:
        """Whether the server answered nobody that asked."""
        return bool(self.reason) and not self._answers

    @property
    def broken(self) -> bool:
        """Whether so many in a row had no answer that nobody is asked for any more.

        Each would take its whole deadline.
        """
        return self._row >= self._longest_row

    def next(self, now_ns: int) -> Alarm | None:
        """Return an alarm to ask for; None where there is none, or each of them has to wait.

        Who waits is taken up by those that are done with another of its project.
        """
        while self._ready and not self.broken:
            project = self._ready.popleft()
            if self._passed_over(project, now_ns):
                continue
            waiting = self._waiting[project]
            alarm = waiting.popleft()
            self._flying[project] += 1
            if waiting and self._flying[project] < self._share:
                self._ready.append(project)
            return alarm
        return None

    def over(self, alarm: Alarm, took_ns: int, failure: str | None = "") -> None:
        """Note what came of an alarm; a `failure` says why there was no answer.

        None: the server was not asked after all.
        """
        project = alarm.project
        if self._waiting[project] and self._flying[project] == self._share:
            self._ready.append(project)
        self._flying[project] -= 1
        if failure is None:
            return
        self._spent[project] += took_ns
        if not failure:
            self._row = 0
            self._answers += 1
            return
        self.reason = failure
        # One project alone does not speak for the server.
        if self._failures[project] < PATIENCE:
            self._row += 1
        self._failures[project] += 1

    def left(self) -> Iterator[Alarm]:
        """Give the alarms that nobody asked for."""
        for waiting in self._waiting.values():
            yield from waiting

    def _passed_over(self, project: str, now_ns: int) -> bool:
        if self._failures[project] >= PATIENCE:
            return True
        return now_ns >= self._late_ns and self._spent[project] > self._fair_ns
