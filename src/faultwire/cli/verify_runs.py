"""The main job again and again: which runs there were, and what came of each (S73, S81)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console

from faultwire.cli.demo import Demo, scratch
from faultwire.cli.demo_network import Network
from faultwire.cli.demo_outcome import Outcome
from faultwire.cli.demo_world import NotNoticedError, World
from faultwire_profiler import LAW_MS, Profile, Verdict, marks_from_json, profile
from faultwire_profiler.documents import read_document
from faultwire_profiler.merging import Merged, merge
from faultwire_profiler.words import servers_words

OFTEN = "[guards]\nflap_acts = 0\n\n[damping]\nflaps = 1000\n\n"
"""Configuration of a server that believes a host however often it fails: that is the job."""


class Job(Protocol):
    """A deployment that is ready: its victim can be broken and repaired any number of times."""

    def once(self, kind: str) -> Outcome:
        """Break the victim, wait for what its owners are told, repair it; raise if it cannot."""


class Deployment(Protocol):
    """Where the job runs; whatever can make a victim with so many servers ready is one."""

    def ready(self, servers: int) -> AbstractContextManager[Job]:
        """Make a victim with so many servers; all is taken away again on leaving."""


@dataclass(frozen=True, slots=True)
class Standalone:
    """Implements `Deployment` on this machine: server, consumer and agents as processes."""

    hosts: int
    cut: bool = False
    """Whether hosts are probed over a network of their own, which can be cut."""

    @contextmanager
    def ready(self, servers: int) -> Iterator[Job]:
        """Start the processes."""
        with ExitStack() as more, scratch() as folder, World(folder) as world:
            network = more.enter_context(Network(self.hosts)) if self.cut else None
            job = Demo(world, Console(quiet=True), self.hosts, servers, OFTEN, network)
            job.build()
            yield job


@dataclass(frozen=True, slots=True)
class Verified:
    """One run: what came of it and where its time went; `trouble` where nobody noticed."""

    servers: int
    number: int
    outcome: Outcome
    profile: Profile
    trouble: str = ""

    @classmethod
    def of(cls, servers: int, number: int, outcome: Outcome) -> "Verified":
        """Make the profile of an outcome, from whatever checkpoints are known of it."""
        marks = marks_from_json(outcome.timeline.get("marks", {}))
        return cls(servers, number, outcome, profile(marks))

    @property
    def name(self) -> str:
        """What the run is called: by the fault's id where there is one."""
        return self.outcome.fault_id or self.place

    @property
    def place(self) -> str:
        """Which of all the runs it is."""
        return f"{servers_words(self.servers)}, run {self.number}"

    @property
    def verdict(self) -> Verdict:
        """Whether the law was kept; one whose alarms did not all come cannot have met it."""
        if self.profile.verdict is Verdict.MET and self.problems:
            return Verdict.UNKNOWN
        return self.profile.verdict

    @property
    def passed(self) -> bool:
        """Whether the law was met and all and only the expected alarms came and cleared."""
        return self.profile.verdict is Verdict.MET and not self.problems

    @property
    def problems(self) -> list[str]:
        """What was not as expected, the law apart."""
        if self.trouble:
            return [self.trouble]
        one = self.outcome
        wanted = sorted(one.expected.values())
        told = []
        for what, found in (("alarms", one.alarms), ("clears", one.clears)):
            if sorted(each.alarm_id for each in found) != wanted:
                told.append(f"{len(found)} {what} came, {len(wanted)} were expected")
        if one.unexpected:
            told.append(f"unexpected: {', '.join(one.unexpected[:3])}")
        return [*told, *one.wrong]

    @property
    def words(self) -> str:
        """Which run it is and what came of it, on one line."""
        law = self.profile.law_ms
        took = "not known" if law is None else f"{law:,.1f} of {LAW_MS:,.0f} ms"
        return f"{self.place}: " + "; ".join((f"{took}, {self.verdict.value}", *self.problems))


Tell = Callable[[Verified], None]


def verify(
    deployment: Deployment, kind: str, sizes: Sequence[int], runs: int, tell: Tell
) -> Iterator[Verified]:
    """Run the job `runs` times with each number of servers; each run is told and yielded.

    Where nobody noticed that the victim failed, there is no repair and no further run.
    """
    for servers in sizes:
        with deployment.ready(servers) as job:
            for number in range(1, runs + 1):
                try:
                    done = Verified.of(servers, number, job.once(kind))
                except NotNoticedError as error:
                    nothing = Outcome(kind, {})
                    done = Verified(servers, number, nothing, profile(()), str(error))
                tell(done)
                yield done
                if done.trouble:
                    return


def merged(runs: Sequence[Verified]) -> Merged:
    """Return the runs as the profiler knows sets of runs."""
    rows: list[dict[str, Any]] = [
        {
            "id": one.name,
            "host": one.outcome.host_down.get("name", ""),
            "servers": one.servers,
            "timeline": one.outcome.timeline,
        }
        for one in runs
        if one.outcome.timeline
    ]
    return merge(read_document({"runs": rows}, "verify"))
