"""A small directory for tests: an administrator, a member, two projects."""

from faultwire.domain.accounts import Actor, Assignment, Role, User
from faultwire.domain.commands import Command
from faultwire.domain.decided import Decided
from faultwire.domain.ids import ProjectId, UserId
from faultwire.domain.instants import Instant
from faultwire.domain.resources import Project
from faultwire.identity.decide import deciders
from faultwire.identity.directory import MemoryDirectory
from faultwire.resourcemap.holds import Holds
from faultwire.resourcemap.index import ResourceMap
from faultwire.resourcemap.scratch import MapScratch

NOW = Instant(1_000, 1)
ACTOR = Actor("ops", "admin", "192.0.2.1")
ADMIN = User(UserId("u-admin"), "admin", "$2b$hash", 10)
DEMO = User(UserId("u-demo"), "demo", "$2b$hash", 10)
ADMIN_PROJECT = Project(ProjectId("p-admin"), "admin")
DEMO_PROJECT = Project(ProjectId("p-demo"), "demo")
ADMIN_GRANT = Assignment(ADMIN.id, ADMIN_PROJECT.id, Role.ADMIN)
DEMO_GRANT = Assignment(DEMO.id, DEMO_PROJECT.id, Role.MEMBER)


def directory() -> MemoryDirectory:
    """Return a directory as it is after the first start."""
    filled = MemoryDirectory()
    filled.load(
        users=(ADMIN, DEMO),
        projects=(ADMIN_PROJECT, DEMO_PROJECT),
        assignments=(ADMIN_GRANT, DEMO_GRANT),
    )
    return filled


def decide(
    known: MemoryDirectory,
    command: Command,
    inventory: ResourceMap | None = None,
    alarms: frozenset[str] = frozenset(),
    now: Instant = NOW,
) -> Decided:
    """Return the decision on a command; nothing is applied."""
    decider = deciders(known, alarms.__contains__)[type(command)]
    deciding = decider.decide(command, MapScratch(inventory or ResourceMap(), Holds()), now)
    while True:
        try:
            next(deciding)
        except StopIteration as stop:
            decided: Decided = stop.value
            return decided


def run(known: MemoryDirectory, command: Command) -> Decided:
    """Decide and apply, as the lane would."""
    decided = decide(known, command)
    for change in decided.changes:
        known.apply(change)
    return decided
