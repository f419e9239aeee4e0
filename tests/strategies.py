"""Hypothesis strategies for the values of the domain, drawn from small pools so that they collide.

Names of hosts are unlike any other value, so that a test can look for them where they may not be.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.ids import ADMINISTRATORS, AlarmId, HostName, ProjectId, ServerId, UserId
from faultwire.domain.resources import Port, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.domain.states import NOVA_STATUS

HOSTS = tuple(HostName(f"hypervisor-{letter}.example.org") for letter in "abc")
SERVERS = tuple(ServerId(f"vm-{number}") for number in range(6))
PROJECTS = (ProjectId("green"), ProjectId("blue"))

hosts = st.sampled_from(HOSTS)
server_ids = st.sampled_from(SERVERS)
projects = st.sampled_from(PROJECTS)
statuses = st.sampled_from(sorted(NOVA_STATUS))

# ---------------------------------------------------------------- resources


@st.composite
def servers(draw: st.DrawFn, standing_on: Sequence[HostName]) -> Server:
    """Return a server in any state on one of these hosts."""
    name = draw(server_ids)
    vm_state, power_state = NOVA_STATUS[draw(statuses)]
    return Server(
        name,
        f"name of {name}",
        draw(projects),
        draw(st.sampled_from(standing_on)),
        vm_state,
        power_state,
        revision=draw(st.integers(0, 5)),
    )


ports = st.builds(
    Port,
    id=st.sampled_from([f"port-{number}" for number in range(5)]),
    project=projects,
    server=st.none() | server_ids,
    data_plane_status=st.sampled_from([None, "ACTIVE", "DOWN"]),
)

# ---------------------------------------------------------------- alarms and events

FIELDS = (
    "instance_id",
    "resource_id",
    "state",
    "power_state",
    "host_status",
    "ports_down",
    "host",
)
VALUES = (*SERVERS, "error", "active", "shutdown", "running", "DOWN", "0", "1", "1.5", "true", "")

conditions = st.builds(
    Condition,
    field=st.sampled_from(FIELDS).map("traits.{}".format),
    op=st.sampled_from(Operator),
    type=st.just("string"),
    value=st.sampled_from(VALUES),
) | st.builds(
    Condition,
    field=st.just("traits.ports_down"),
    op=st.sampled_from(Operator),
    type=st.sampled_from(["integer", "float", "boolean"]),
    value=st.sampled_from(["0", "1"]),
)
"""Conditions that compile."""

any_conditions = st.builds(
    Condition,
    field=st.sampled_from(["traits.", "state", "", "raw.x"])
    | st.sampled_from(FIELDS).map("traits.{}".format)
    | st.text(max_size=8),
    op=st.sampled_from(Operator),
    type=st.sampled_from(["", "string", "integer", "float", "boolean", "datetime", "list"])
    | st.text(max_size=4),
    value=st.text(max_size=12)
    | st.sampled_from(["nan", "-inf", "1e999", "9" * 5000, "0001-01-01T00:00:00+23:59", "٣"])
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.integers().map(str)
    | st.floats().map(str),
)
"""Conditions as an enemy would write them."""

trait_values = (
    st.sampled_from(VALUES)
    | st.text(max_size=12)
    | st.integers()
    | st.floats()
    | st.datetimes().map(lambda moment: moment.isoformat())
)

event_types = st.sampled_from([INSTANCE_UPDATE, SERVICE_UPDATE, "port.update.end"])
clauses = st.builds(
    Clause,
    event_type=event_types | st.sampled_from(["*", "compute.*", "*.update", "compute.[a-i]*", ""]),
    query=st.lists(conditions, max_size=3).map(tuple),
)

alarms = st.builds(
    Alarm,
    id=st.sampled_from([AlarmId(f"alarm-{number}") for number in range(6)]),
    project=st.sampled_from([*PROJECTS, ADMINISTRATORS]),
    user=st.just(UserId("owner")),
    name=st.just("name"),
    type=st.just("event"),
    rule=st.builds(EventRule, clauses, st.none() | clauses),
    enabled=st.sampled_from([True, True, True, False]),
    state=st.sampled_from(AlarmState),
    repeat_actions=st.booleans(),
    alarm_actions=st.sampled_from([(), ("http://a/",), ("http://a/", "http://b/")]),
    ok_actions=st.sampled_from([(), None, ("http://c/",)]),
    resource_id=st.none() | server_ids,
    version=st.integers(1, 3),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Return an event with any of the traits that alarms look at."""
    traits = draw(
        st.dictionaries(
            st.sampled_from([field for field in FIELDS if field != "host"]),
            st.sampled_from(VALUES) | st.integers(0, 2),
            max_size=5,
        )
    )
    return Event(
        message_id=f"message-{draw(st.integers(0, 9))}",
        event_type=draw(event_types),
        project=draw(st.sampled_from([*PROJECTS, ADMINISTRATORS])),
        generated_ns=1_700_000_000_000_000_000,
        traits=traits,
        host=draw(st.none() | hosts),
    )
