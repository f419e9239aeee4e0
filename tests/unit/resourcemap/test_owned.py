"""Which servers a project owns, whatever came, left and changed hands."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.changes import HostsSaved, ServersRemoved, ServersSaved
from faultwire.domain.ids import HostName, ProjectId, ServerId
from faultwire.domain.resources import Host, Server
from faultwire.resourcemap.index import ResourceMap

HOST = HostName("compute-1")
NAMES = st.integers(0, 60).map(lambda number: ServerId(f"vm-{number}"))
PROJECTS = st.sampled_from([ProjectId("p-1"), ProjectId("p-2")])
SERVERS = st.builds(lambda name, project: Server(name, "n", project, HOST), NAMES, PROJECTS)
STEPS = st.one_of(
    st.lists(SERVERS, max_size=30).map(lambda some: ServersSaved(tuple(some))),
    st.lists(NAMES, max_size=30).map(lambda some: ServersRemoved(tuple(some))),
)


@given(st.lists(STEPS, max_size=30))
def test_a_projects_servers_are_those_of_the_map(
    steps: list[ServersSaved | ServersRemoved],
) -> None:
    """After any saves, removals and changes of owner each server is listed once, as it is."""
    index = ResourceMap()
    index.apply(HostsSaved((Host(HOST),)))
    for step in steps:
        index.apply(step)
    for project in (ProjectId("p-1"), ProjectId("p-2"), ProjectId("p-3")):
        found = index.servers_of(project)
        assert len(found) == len({server.id for server in found})
        named = {one.id: one for one in index.servers() if one.project == project}
        assert {one.id: one for one in found} == named


def test_a_long_list_of_names_that_left_is_let_go() -> None:
    """Servers that come and go without end leave no memory of them."""
    index = ResourceMap()
    index.apply(HostsSaved((Host(HOST),)))
    project = ProjectId("p-1")
    for number in range(500):
        name = ServerId(f"vm-{number}")
        index.apply(ServersSaved((Server(name, "n", project, HOST),)))
        index.apply(ServersRemoved((name,)))
    assert index.servers_of(project) == ()
    assert sum(map(len, index._owned._names.values())) < 50
