"""Owners may choose not to hear of what operators do on purpose."""

import pytest

from faultwire.domain import changes as c
from faultwire.domain.guard_commands import SaveWindow
from faultwire.domain.guarding import Window, WindowKind
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import Host, Project, Server
from faultwire.testing.chain import ACTOR, InProcess

H1 = HostName("h1")


@pytest.mark.parametrize(
    ("kind", "about", "planned"),
    [
        (WindowKind.MAINTENANCE, {"host": "h1"}, "true"),
        (WindowKind.SILENCE, {"type": "compute.host.down"}, "true"),
        (WindowKind.MAINTENANCE, {"host": "h2"}, "false"),
    ],
)
def test_owners_are_told_whether_a_fault_was_planned(
    kind: WindowKind, about: dict[str, str], planned: str
) -> None:
    """In a window owners are told as ever, and the trait `planned` lets their alarms choose."""
    product = InProcess()
    product.commit(
        c.ProjectsSaved((Project(ProjectId("p1"), "one"),)),
        c.HostsSaved((Host(H1), Host(HostName("h2")))),
        c.ServersSaved((Server(ServerId("vm1"), "vm1", ProjectId("p1"), H1),)),
    )
    now = product.clock.wall_ns()
    product.run(SaveWindow(Window("w1", kind, now, now + 10**12, about), ACTOR))
    product.report("compute.host.down", hostname=H1)
    (told,) = [event for event in product.events if event.project]
    assert told.traits["planned"] == planned
