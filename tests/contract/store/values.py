"""Examples of everything that is stored, with every field set to something of its own."""

from dataclasses import replace

from faultwire.domain.accounts import (
    Actor,
    Assignment,
    AuditRecord,
    Credential,
    CredentialKind,
    Revocation,
    Role,
    User,
    WebhookSecret,
)
from faultwire.domain.acts import ActKind
from faultwire.domain.alarms import (
    Alarm,
    AlarmState,
    Attempt,
    Delivery,
    DeliveryState,
    Quota,
    Transition,
)
from faultwire.domain.causes import Cause, ResourceKind
from faultwire.domain.changes import HistoryAdded
from faultwire.domain.events import Event
from faultwire.domain.faults import (
    FAULT_TYPES,
    HOST_DOWN,
    Decision,
    Evidence,
    Fault,
    FaultState,
    FaultType,
    Outcome,
    PlanRecord,
    Severity,
)
from faultwire.domain.fencing import Fencing, FencingState, Power, PowerProof
from faultwire.domain.guarding import Acted, Hold, Window, WindowKind
from faultwire.domain.ids import FaultId, HostName
from faultwire.domain.networks import DataPlane, Network, PortDetails, Reported, Subnet
from faultwire.domain.remote_acts import HeldEvents, Phase, RemoteAct, RemoteKind, RemoteState
from faultwire.domain.resources import (
    Bmc,
    Evacuation,
    Guest,
    Host,
    Interface,
    Particulars,
    Port,
    Project,
    Server,
    Switch,
    SwitchUplink,
)
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    Condition,
    EventRule,
    Joint,
    Operator,
    PrometheusRule,
    Statistic,
    ThresholdRule,
    UnevaluatedRule,
)
from faultwire.domain.services import OwedStatus
from faultwire.domain.signals import UnmappedAlert
from faultwire.domain.states import AgentState, HostStatus, PowerState, VmState
from faultwire.domain.subscriptions import Filter, Subscription, Watch
from faultwire.domain.tasks import Task, TaskKind, TaskState

T0 = 1_800_000_000_123_456_789

PROJECT = Project("p-1", "Ñandú")
HOST = Host(
    "compute-1.example",
    addresses=("192.0.2.1", "2001:db8::1"),
    zone="az-1",
    rack="r-7",
    aggregates=("ssd", "gpu"),
    bmc=Bmc("https://192.0.2.9", "admin", "s3cret", "1"),
    interfaces=(Interface("eth0", "bond0", "physnet1", "tor-1", "1/7"), Interface("eth1")),
    forced_down=True,
    disabled=True,
    disabled_reason="firmware",
    monitored=True,
    agent=AgentState.LOST,
    revision=7,
    maintenance=True,
)
BARE_HOST = Host("compute-2")
SWITCH = Switch("tor-1", (SwitchUplink("spine-1", "1/1"), SwitchUplink("spine-2", "1/1")))
SERVER = Server(
    "vm-1",
    "web",
    PROJECT.id,
    HOST.name,
    VmState.SUSPENDED,
    PowerState.SUSPENDED,
    "resuming",
    monitored=False,
    metadata={"tier": "gold"},
    addresses=("10.0.0.1",),
    revision=3,
    updated_ns=T0 + 1,
    about=Particulars(T0, "u-1", "2", "img", "a web server", "key", True, "audit"),
)
HOLD = Hold(held=True, reason="the rack is moved", by="u-1", since_ns=T0)
WINDOW = Window(
    "w-1",
    WindowKind.SILENCE,
    T0,
    T0 + 9,
    {"rack": "r1", "type": HOST_DOWN},
    "power",
    "u-1",
    T0 - 1,
)
OTHER_WINDOW = Window("w-2", WindowKind.MAINTENANCE, T0, T0 + 5, {"host": HOST.name})
ACTED = Acted("a-1", T0, ActKind.FORCE_DOWN, HOST.name, FaultId("f-1"), "u-1", shadow=True)
LATER_ACTED = Acted("a-0", T0 + 1, ActKind.FENCE, HOST.name, None)
EVACUATION = Evacuation(HOST.name, SERVER.id, HostName("compute-2"), T0)
OTHER_EVACUATION = Evacuation(HostName("compute-3"), SERVER.id, HOST.name, T0)
FENCING = Fencing(
    "fence-1",
    HOST.name,
    Power.OFF,
    FencingState.PROVEN,
    "the host is dead",
    T0,
    FaultId("f-1"),
    "admin",
    "member-1",
    2,
    "no answer",
    T0 + 5,
    PowerProof(Power.OFF, "https://bmc", "/redfish/v1/Systems/1", "fencing", T0 + 4),
)
BARE_FENCING = Fencing("fence-2", HostName("compute-2"), Power.ON, FencingState.WANTED, "", T0)
REMOTE = RemoteAct(
    "act-1",
    "east",
    RemoteKind.RESET_STATE,
    SERVER.id,
    "error",
    FaultId("f-1"),
    T0,
    RemoteState.OWED,
    0,
    "",
    "compute-1",
    "compute-2",
)
OTHER_REMOTE = RemoteAct("act-2", "west", RemoteKind.FORCE_DOWN, HOST.name, "", None, T0 + 1)
HELD = HeldEvents(
    "held-1",
    FaultId("f-1"),
    (Phase.HOST, Phase.STATES),
    T0,
    (
        Event(
            "m-1",
            "compute.instance.update",
            PROJECT.id,
            T0,
            {"instance_id": SERVER.id, "state": "error", "ports_down": 1},
            HOST.name,
            FaultId("f-1"),
        ),
    ),
)
UNMAPPED = UnmappedAlert(
    "un-1", "prom", "Strange", {"alertname": "Strange"}, True, "no row", 3, T0, T0 + 9
)
OTHER_UNMAPPED = UnmappedAlert("un-2", "prom", "", {}, False, "", 1, T0, T0)
OWED_STATUS = OwedStatus("o-1", HOST.name, HostStatus.UP, HostStatus.DOWN, T0)
LATER_STATUS = OwedStatus("o-0", HOST.name, HostStatus.DOWN, HostStatus.UP, T0 + 1, SERVER.id)
BARE_SERVER = Server("vm-2", "db", PROJECT.id, HOST.name)
PORT = Port(
    "port-1",
    PROJECT.id,
    "eth",
    SERVER.id,
    HOST.name,
    "net-1",
    "physnet1",
    "DOWN",
    ("10.0.0.1",),
    "DOWN",
    4,
    DataPlane("switch tor-1", "fault f-1", T0 + 3, Reported("ACTIVE", "probed", "sdn", T0)),
    PortDetails("the first", "fa:16:3e:00:00:01", "compute:nova", "direct", False, T0, T0 + 1),
)
BARE_PORT = Port("port-2", PROJECT.id)
NETWORK = Network(
    "net-1",
    PROJECT.id,
    "front",
    "of the shop",
    admin_state_up=False,
    shared=True,
    external=True,
    physical_network="physnet1",
    network_type="vlan",
    segmentation_id=7,
    mtu=9000,
    created_ns=T0,
    updated_ns=T0 + 1,
    revision=3,
)
OTHER_NETWORK = Network("net-2", PROJECT.id)
SUBNET = Subnet(
    "sub-1", NETWORK.id, PROJECT.id, "10.0.0.0/24", "low", "all", "10.0.0.1", False, T0, T0 + 1, 2
)
OTHER_SUBNET = Subnet("sub-2", OTHER_NETWORK.id, PROJECT.id, "2001:db8::/64")
GUEST = Guest(
    "guest-1", "mysql", PROJECT.id, SERVER.id, "down", AgentState.CONNECTED, "1.2", "HEALTHY"
)
TASK = Task(
    "task-1",
    TaskKind.HOST_EVACUATE,
    "compute-1",
    Actor("u-1", "p-1", "192.0.2.4"),
    T0,
    T0 + 1,
    TaskState.RUNNING,
    total=3,
    done=2,
    failed=1,
    failures=("vm-2: no room",),
    detail="2 of 3",
    starts=2,
    targets=("compute-2",),
    no_fence=True,
)

FAULT = Fault(
    id="f-1",
    type=FAULT_TYPES[HOST_DOWN],
    resource={"hostname": HOST.name},
    state=FaultState.OPEN,
    opened_ns=T0,
    updated_ns=T0 + 1,
    host=HOST.name,
    repeats=2,
    evidence=(
        Evidence("agent", "compute-1", "down", T0, None, {}),
        Evidence(
            "event", "zabbix", "down", T0 + 1, "2027-01-15T08:00:00", {"x": [1, {"y": None}]}
        ),
    ),
    plan=PlanRecord("host down", HOST.name, True, 10, 8, ("vm-3", "vm-4")),
    decisions=(
        Decision("guard: stalled", Outcome.PASSED, "the loop is in time"),
        Decision("rule: host down", Outcome.APPLIED, "8 of 10"),
    ),
)
UNLISTED = FaultType("vendor.fan.down", "vendor.fan.up", (("a", "b"), ("c",)), Severity.MINOR)
UNMATCHED = Fault("f-2", UNLISTED, {"c": "7"}, FaultState.UNMATCHED, T0 + 5, T0 + 5)
CLOSED = replace(
    FAULT, id="f-3", state=FaultState.CLOSED, closed_ns=T0 + 9, closed_by="u-1", opened_ns=T0 + 3
)

CAUSE = Cause(ResourceKind.SERVER, SERVER.id, FAULT.id, "error", "active", "running", 5)
LATER_CAUSE = replace(CAUSE, fault_id="a-fault-of-a-smaller-id", awaiting_report=True)
HOST_CAUSE = Cause(ResourceKind.HOST, HOST.name, FAULT.id, "down", "up")

RULE = EventRule(
    Clause(
        "compute.instance.*",
        (
            Condition("traits.state", Operator.EQ, "string", "error"),
            Condition("traits.ports_down", Operator.GE, "integer", "1"),
        ),
    ),
    Clause("compute.instance.update"),
)
ALARM = Alarm(
    "a-1",
    PROJECT.id,
    "u-1",
    "my vm",
    "notification",
    RULE,
    "of mine",
    enabled=False,
    severity="critical",
    state=AlarmState.OK,
    state_reason="set by hand",
    state_ns=T0,
    updated_ns=T0 + 1,
    repeat_actions=True,
    alarm_actions=("http://a/1", "http://a/2"),
    ok_actions=("http://o",),
    insufficient_data_actions=("http://i",),
    time_constraints=({"name": "nights", "start": "0 23 * * *", "duration": 3600},),
    resource_id=SERVER.id,
    version=4,
)
BARE_ALARM = Alarm(
    "a-2", "p-2", "u-2", "", "event", EventRule(Clause("*")), updated_ns=T0, ok_actions=None
)
THRESHOLD = ThresholdRule(
    "faultwire.ping.loss",
    0.5,
    Operator.GE,
    Statistic.MAX,
    30,
    3,
    (Condition("resource_id", Operator.EQ, "string", SERVER.id),),
)
PROMETHEUS = PrometheusRule('up{job="a"}', 1.0, Operator.LT)
OTHER_RULES = (
    THRESHOLD,
    PROMETHEUS,
    CompositeRule(Joint.OR, (THRESHOLD, CompositeRule(Joint.AND, (PROMETHEUS, THRESHOLD)))),
    UnevaluatedRule({"threshold": 4.5, "metrics": ["a", "b"]}),
)
QUOTA = Quota(PROJECT.id, "alarms", 5)
OTHER_QUOTA = Quota("p-2", "alarms", -1)
SUBSCRIPTION = Subscription(
    "s-1",
    PROJECT.id,
    "u-1",
    "all of ours",
    "https://ops.example/hook?x=1",
    Filter(("server",), ("critical", "major"), ("compute.*",), {"tier": "gold"}),
    T0,
)
BARE_SUBSCRIPTION = Subscription("s-2", "p-2", "u-2", "", "http://h/", Filter(), T0 + 1)
WATCH = Watch("w-1", SUBSCRIPTION.id, PROJECT.id, "server", SERVER.id, "critical", 1, T0)
OTHER_WATCH = Watch("w-2", BARE_SUBSCRIPTION.id, "p-2", "host", HOST.name, "cleared", 2, T0)
MOVE = Transition(
    ALARM.id, PROJECT.id, AlarmState.OK, AlarmState.ALARM, "Event hits the query", T0 + 7, 5
)
CREATION = HistoryAdded(ALARM.id, PROJECT.id, "u-1", "creation", '{"name": "my vm"}', T0)

DELIVERY = Delivery(
    "d-1", PROJECT.id, "http://a/1?x=ü", ALARM.id, b'{"current": "alarm"}\x00\xff', T0, FAULT.id
)
LATER_DELIVERY = Delivery(
    "c-2", "p-2", "amqp", "order", b"", T0 + 1, kind="bus", attempt=2, next_ns=T0 + 9
)
RETRY = Attempt(
    DELIVERY.id,
    DeliveryState.PENDING,
    1,
    T0 + 2,
    T0 + 50,
    "refused",
    created_ns=DELIVERY.created_ns,
)
ARRIVED = Attempt(
    DELIVERY.id, DeliveryState.DELIVERED, 2, T0 + 60, 0, "ok", 204, created_ns=DELIVERY.created_ns
)

SECRETS = (
    WebhookSecret(PROJECT.id, "whsec_new", T0 + 1),
    WebhookSecret(PROJECT.id, "whsec_old", T0),
)
USER = User("u-1", "ann", "$2b$12$hash", T0, enabled=False, default_project=PROJECT.id)
OTHER_USER = User("u-2", "bob", "$2b$12$other", T0 + 1)
GRANT = Assignment(USER.id, PROJECT.id, Role.DATA_PLANE_INTEGRATOR)
OTHER_GRANT = Assignment(OTHER_USER.id, "p-2", Role.ADMIN)
REVOCATION = Revocation("token-1", T0 + 100)
CREDENTIAL = Credential("c-1", CredentialKind.AGENT, HOST.name, "ab" * 32, T0)
GUEST_CREDENTIAL = Credential("c-2", CredentialKind.GUEST, HOST.name, "cd" * 32, T0)
AUDITED = AuditRecord(
    T0, Actor("u-1", PROJECT.id, "192.0.2.4"), "host.force_down", "compute-1", "x"
)
