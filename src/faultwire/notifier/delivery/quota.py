"""What is held in memory, for each project; the rest stays parked in the store; pure.

A project may hold so many deliveries, one destination half of that. What is over is not taken:
its destination is parked, and takes nothing new, until a pass over the store has shown that
everything older is held. So the order of an alarm is never broken.

A delivery that was over and is owed again is younger than it was: its age tells it from a row that
was read before it was settled. What the store says of it now a pass finds out.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from faultwire.domain.alarms import Delivery
from faultwire.domain.ids import DeliveryId, ProjectId

DONE_KEPT = 16_384
"""Deliveries that are over whose ids are remembered: a row that was read before may come late."""


@dataclass(slots=True)
class _Parked:
    """A destination with rows in the store that are not held.

    `missed`: one came after the pass began. `left`: the pass met one that it could not take.
    `behind`: that one is owed anew while it is still held as it was before; until that is let go
    no pass brings more.
    """

    missed: bool = True
    left: bool = False
    behind: DeliveryId | None = None


@dataclass(slots=True)
class _Project:
    held: int = 0
    destinations: dict[str, int] = field(default_factory=dict)
    parked: dict[str, _Parked] = field(default_factory=dict)


class Quota:
    """Counts what is held and remembers who is parked."""

    def __init__(self, per_project: int) -> None:
        """Hold at most that many deliveries of each project."""
        self._most = max(2, per_project)
        self._share = self._most // 2
        # A pass is worth its cost if it can bring this many.
        self._deal = max(1, self._most // 4)
        # All three by age, which is when the delivery became owed.
        self._held: dict[DeliveryId, int] = {}
        # Released while a pass may still find their rows as they were before.
        self._gone: dict[DeliveryId, int] | None = None
        self._done: OrderedDict[DeliveryId, int] = OrderedDict()
        self._projects: dict[ProjectId, _Project] = {}
        self._wanted: dict[ProjectId, None] = {}

    def __len__(self) -> int:
        """Return how many deliveries are held."""
        return len(self._held)

    def take(self, delivery: Delivery) -> bool:
        """Hold a delivery that has just become owed; False if it is parked, or held already."""
        since = self._known(delivery)
        if since is not None:
            if delivery.created_ns > since:
                self.park(delivery)
            return False
        project = self._project(delivery.project)
        parked = project.parked.get(delivery.url)
        if parked is None and self._room(project, delivery.url):
            self._hold(project, delivery)
            return True
        self.park(delivery)
        return False

    def load(self, delivery: Delivery) -> bool:
        """Hold a delivery that a pass found, oldest first; False if it stays, or is held."""
        since = self._known(delivery)
        if since is not None and delivery.created_ns <= since:
            return False
        project = self._project(delivery.project)
        parked = project.parked.get(delivery.url)
        if (
            delivery.id not in self._held
            and not (parked and parked.left)
            and self._room(project, delivery.url)
        ):
            self._hold(project, delivery)
            return True
        if parked is None:
            parked = project.parked[delivery.url] = _Parked(missed=False)
        if not parked.left and delivery.id in self._held:
            parked.behind = delivery.id
        parked.left = True
        return False

    def park(self, delivery: Delivery) -> None:
        """Leave a delivery in the store until a pass finds it."""
        project = self._project(delivery.project)
        parked = project.parked.setdefault(delivery.url, _Parked())
        parked.missed = True
        self._consider(delivery.project, project, (delivery.url,))

    def release(self, delivery: Delivery) -> None:
        """Let go of a delivery that is settled; it is taken again only if it is owed anew."""
        if self._gone is not None:
            self._gone[delivery.id] = delivery.created_ns
        self._done[delivery.id] = delivery.created_ns
        self._done.move_to_end(delivery.id)
        if len(self._done) > DONE_KEPT:
            self._done.popitem(last=False)
        self._let_go(delivery)

    def forget(
        self, deliveries: Iterable[Delivery], ours: Callable[[tuple[str, str]], bool]
    ) -> None:
        """Let go of deliveries that are not ours any more, and of who is parked for that reason.

        They may be taken again later.
        """
        for name, project in tuple(self._projects.items()):
            for url in [url for url in project.parked if not ours((name, url))]:
                del project.parked[url]
            if not project.parked:
                self._wanted.pop(name, None)
            self._tidy(name, project)
        for delivery in deliveries:
            self._let_go(delivery)

    def forget_one(self, delivery: Delivery) -> None:
        """Let go of a delivery that somebody else has to repeat."""
        self._let_go(delivery)

    def _let_go(self, delivery: Delivery) -> None:
        if delivery.id not in self._held:
            return
        del self._held[delivery.id]
        project = self._projects[delivery.project]
        project.held -= 1
        left = project.destinations[delivery.url] - 1
        if left:
            project.destinations[delivery.url] = left
        else:
            del project.destinations[delivery.url]
        if project.parked:
            parked = project.parked.get(delivery.url)
            if parked is not None and parked.behind == delivery.id:
                parked.behind = None
            enough = project.held == self._most - self._deal
            urls = tuple(project.parked) if enough else (delivery.url,)
            self._consider(delivery.project, project, urls)
        self._tidy(delivery.project, project)

    def wanted(self) -> ProjectId | None:
        """Return a project that a pass should be made for; None if there is none."""
        return next(iter(self._wanted), None)

    def begin(self, project_id: ProjectId | None) -> None:
        """Note that a pass over a project's rows begins, or over all rows; one at a time."""
        self._gone = {}
        if project_id is not None:
            self._wanted.pop(project_id, None)
            for parked in self._project(project_id).parked.values():
                parked.missed = parked.left = False
                parked.behind = None

    def full(self, project_id: ProjectId) -> bool:
        """Return whether a pass can take nothing more."""
        return self._project(project_id).held >= self._most

    def end(self, project_id: ProjectId | None, *, complete: bool) -> None:
        """Note that a pass is over; `complete`: it saw the newest row of that project."""
        self._gone = None
        for name in self.parked() if project_id is None else (project_id,):
            project = self._project(name)
            if complete and project_id is not None:
                free = [url for url, p in project.parked.items() if not (p.missed or p.left)]
                for url in free:
                    del project.parked[url]
            self._consider(name, project, tuple(project.parked))
            self._tidy(name, project)

    def parked(self) -> tuple[ProjectId, ...]:
        """Return the projects that have rows in the store only."""
        return tuple(name for name, project in self._projects.items() if project.parked)

    def _project(self, project_id: ProjectId) -> _Project:
        found = self._projects.get(project_id)
        if found is None:
            found = self._projects[project_id] = _Project()
        return found

    def _room(self, project: _Project, url: str) -> bool:
        return project.held < self._most and project.destinations.get(url, 0) < self._share

    def _hold(self, project: _Project, delivery: Delivery) -> None:
        self._held[delivery.id] = delivery.created_ns
        project.held += 1
        project.destinations[delivery.url] = project.destinations.get(delivery.url, 0) + 1

    def _known(self, delivery: Delivery) -> int | None:
        """Return the age under which a delivery is held or was finished; None for a new one."""
        name = delivery.id
        since = self._held.get(name)
        if since is None:
            since = self._done.get(name)
        if since is None and self._gone:
            since = self._gone.get(name)
        return since

    def _consider(self, project_id: ProjectId, project: _Project, urls: tuple[str, ...]) -> None:
        """Want a pass where it brings a good deal: its cost grows with what is parked."""
        if project.held <= self._most - self._deal and any(
            self._brings(project, url) for url in urls
        ):
            self._wanted[project_id] = None

    def _brings(self, project: _Project, url: str) -> bool:
        parked = project.parked.get(url)
        if parked is None or parked.behind is not None:
            return False
        return project.destinations.get(url, 0) <= self._share - self._deal

    def _tidy(self, project_id: ProjectId, project: _Project) -> None:
        if not project.held and not project.parked:
            self._projects.pop(project_id, None)
            self._wanted.pop(project_id, None)
