"""What a scenario's directives do: each runs the product and prints everything that changed."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import orjson
import yaml

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import HostsSaved, ServersMoved
from faultwire.domain.commands import (
    AgentChanged,
    CloseFault,
    FaultAnswer,
    ImportInventory,
    ImportSummary,
    RemoveAlarm,
    RemoveSubscription,
    RetryUnmatched,
    SaveAlarm,
    SaveSubscription,
    SetAlarmState,
)
from faultwire.domain.errors import FaultwireError, Unavailable
from faultwire.domain.faults import FAULT_TYPES, Report
from faultwire.domain.guest_commands import GuestChanged
from faultwire.domain.ids import (
    AlarmId,
    FaultId,
    GuestId,
    HostName,
    PortId,
    ProjectId,
    ServerId,
    SubscriptionId,
    UserId,
)
from faultwire.domain.network_commands import DataPlaneReport, RemovePort, UpdatePort
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.domain.states import NOVA_STATUS, AgentState, ServerStateOnHostDown
from faultwire.domain.subscriptions import Filter, Subscription
from faultwire.faces.fault.inventory import read_document
from faultwire.inspector.settings import Recover, Settings
from faultwire.testing.chain import ACTOR, InProcess
from tests.scenarios import shown
from tests.scenarios.asked import command_of, told
from tests.scenarios.guarding import Guarded

Words = list[str]
Options = Mapping[str, str]

_NS = 1_000_000_000

_SETTINGS: Mapping[str, Callable[[str], object]] = {
    "server_state_on_host_down": ServerStateOnHostDown,
    "recover": Recover,
    "unforce_on_recovery": lambda text: text == "true",
    "stalled_ms": int,
    "shadow": lambda text: text == "true",
    "shadow_rules": lambda text: tuple(text.split(",")),
}


class World(Guarded):
    """One scenario: a product, and short names for what has long ids."""

    def __init__(self) -> None:
        """Start empty."""
        self._product = InProcess()
        self._start_ns = self._product.clock.wall_ns()
        self._faults: dict[FaultId, str] = {}
        self._alarms: dict[str, AlarmId] = {}
        self._told: list[str] = []
        self._shown = 0

    def do(self, directive: str, body: str) -> str:
        """Run a directive and return what it prints."""
        name, *rest = shlex.split(directive)
        options = dict(word.split("=", 1) for word in rest if "=" in word)
        words = [word for word in rest if "=" not in word]
        if name == "show":
            return "\n".join(getattr(self, f"_show_{words[0]}")(*words[1:]))
        before = shown.state(self._product, self._faults, self._alarms)
        owed_before = len(self._product.deliveries)
        try:
            lines = [*getattr(self, f"_do_{name}")(words, options, body)]
        except FaultwireError as error:
            lines = [f"{type(error).__name__}: {shown._named(str(error), self._faults)}"]
        after = shown.state(self._product, self._faults, self._alarms)
        lines.extend(shown.differences(before, after))
        new = self._product.deliveries[owed_before:]
        lines.extend(shown.owed(delivery, self._alarms) for delivery in new)
        return "\n".join(lines)

    # ------------------------------------------------------------ settings and inventory

    def _do_settings(self, words: Words, options: Options, body: str) -> Iterator[str]:
        news = {key: _SETTINGS[key](value) for key, value in options.items()}
        settings = replace(self._product.settings, **news)  # type: ignore[arg-type]
        self._restart(settings)
        yield from ()

    def _do_restart(self, words: Words, options: Options, body: str) -> Iterator[str]:
        self._restart(self._product.settings)
        yield from ()

    def _restart(self, settings: Settings) -> None:
        owed = self._product.deliveries
        self._product = self._product.restart(settings)
        self._product.deliveries.extend(owed)

    def _do_inventory(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`inventory [patch] [force] [dry-run]` and the document as YAML; PUT by default."""
        document = read_document(orjson.dumps(yaml.safe_load(body)))
        command = ImportInventory(
            document,
            replace="patch" not in words,
            actor=ACTOR,
            force="force" in words,
            dry_run="dry-run" in words,
        )
        summary = self._product.run(command)
        assert isinstance(summary, ImportSummary)
        counts = (f"{kind} +{a} ~{c} -{r}" for kind, a, c, r in summary.counts if a or c or r)
        yield ", ".join(counts) or "no change"

    # ------------------------------------------------------------ faults

    def _report(self, words: Words, options: Options, *, raised: bool) -> Report:
        details = dict(options)
        source = details.pop("source", "posted:test")
        lag = details.pop("lag", None)
        kind = FAULT_TYPES[words[0]]
        return self._product.reported(
            kind.name if raised else kind.clear,
            source=source,
            details={"loop_lag_ms": float(lag)} if lag else {},
            **details,
        )

    def _take(self, reports: Iterable[Report]) -> Iterator[str]:
        for answer in self._product.take(reports):
            yield self._answered(answer)

    def _answered(self, answer: FaultAnswer) -> str:
        name = self._faults.setdefault(answer.id, f"F{len(self._faults) + 1}")
        return f"{name} {answer.state.value}"

    def _do_report(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`report TYPE key=value... [source=agent] [lag=MS]`: a fault is raised."""
        yield from self._take([self._report(words, options, raised=True)])

    def _do_clear(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`clear TYPE key=value...`: what clears that type is reported."""
        yield from self._take([self._report(words, options, raised=False)])

    def _do_list(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`list`: reports of one request, a line each (`report TYPE ...`, `clear TYPE ...`)."""
        reports = []
        for line in body.splitlines():
            verb, *rest = shlex.split(line)
            given = dict(word.split("=", 1) for word in rest if "=" in word)
            bare = [word for word in rest if "=" not in word]
            reports.append(self._report(bare, given, raised=verb == "report"))
        yield from self._take(reports)

    def _do_close(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`close F1`: an operator closes a fault."""
        answer = self._product.run(CloseFault(self._fault(words[0]), ACTOR))
        assert isinstance(answer, FaultAnswer)
        yield self._answered(answer)

    def _do_retry(self, words: Words, options: Options, body: str) -> Iterator[str]:
        self._product.run(RetryUnmatched())
        yield from ()

    def _do_agent(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`agent HOST connected|lost|gone [running=ID,ID]`; an empty list: nothing runs."""
        running = None
        if "running" in options:
            running = frozenset(one for one in options["running"].split(",") if one)
        self._product.run(AgentChanged(HostName(words[0]), AgentState(words[1]), running))
        yield from ()

    def _do_guest(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`guest ID connected|lost|gone [status=WORD]`."""
        status = options.get("status", "HEALTHY")
        self._product.run(GuestChanged(GuestId(words[0]), AgentState(words[1]), "1.2", status))
        yield from ()

    def _do_fail(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`fail`: the next commit finds the ledger unavailable."""
        self._product.ledger.fail(Unavailable("the database does not answer"))
        yield from ()

    def _do_advance(self, words: Words, options: Options, body: str) -> Iterator[str]:
        self._product.clock.advance(float(words[0].removesuffix("s")))
        yield from ()

    # ------------------------------------------------------------ what somebody else does

    def _do_server(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`server ID STATUS`: somebody else sets a server's state."""
        server = self._product.indexes.inventory.server(ServerId(words[0]))
        assert server is not None
        after = server.in_state(*NOVA_STATUS[words[1]])
        self._product.commit(ServersMoved(server.host, (after,)))
        yield from ()

    def _do_host(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`host NAME forced|unforced`: an operator sets or unsets the force-down."""
        host = self._product.indexes.inventory.host(HostName(words[0]))
        assert host is not None
        after = replace(host, forced_down=words[1] == "forced", revision=host.revision + 1)
        self._product.commit(HostsSaved((after,)))
        yield from ()

    def _do_ask(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`ask WHAT ...`: a client of the compute face asks for it (see `asked`)."""
        self._product.run(command_of(words, options))
        yield from self._show_events()

    def _do_port(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`port ID [host=NAME] [said=STATUS]`: a client moves it, or reports its data plane.

        A status of `-` takes the report back. `port ID gone` deletes it.
        """
        name = PortId(words[0])
        if "gone" in words:
            self._product.run(RemovePort(name, ACTOR))
            return
        said = options.get("said")
        report = DataPlaneReport(None if said == "-" else said, "", "reporter") if said else None
        fields = {"host": options["host"]} if "host" in options else {}
        self._product.run(UpdatePort(name, fields, report, ACTOR))
        yield from ()

    # ------------------------------------------------------------ alarms

    def _do_alarm(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`alarm NAME project=ID [action=URL] [ok=URL] [repeat] [disabled] [resource=ID]`.

        The body is the rule: an event type, a condition a line (`FIELD OP VALUE [TYPE]`), and
        after the line `clear` what clears it (of the same event type, unless it names one).
        A name that is known replaces that alarm.
        """
        name = words[0]
        new = name not in self._alarms
        alarm = Alarm(
            self._alarms.get(name, AlarmId(f"alarm-{name}")),
            ProjectId(options.get("project", "")),
            UserId("owner"),
            name,
            "event",
            _rule(body),
            enabled="disabled" not in words,
            repeat_actions="repeat" in words,
            alarm_actions=_urls(options.get("action")),
            ok_actions=_urls(options.get("ok")),
            resource_id=options.get("resource"),
        )
        secret = WebhookSecret(alarm.project, "whsec_none", 0)
        self._product.run(SaveAlarm(alarm, new, ACTOR, secret))
        self._alarms[name] = alarm.id
        yield "created" if new else "replaced"

    def _do_set(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`set NAME STATE`: a user sets an alarm's state by hand."""
        state = AlarmState(words[1].replace("_", " "))
        self._product.run(SetAlarmState(self._alarms[words[0]], state, ACTOR))
        yield from ()

    def _do_remove(self, words: Words, options: Options, body: str) -> Iterator[str]:
        self._product.run(RemoveAlarm(self._alarms[words[0]], ACTOR))
        yield from ()

    # ------------------------------------------------------------ subscriptions

    def _do_subscribe(self, words: Words, options: Options, body: str) -> Iterator[str]:
        """`subscribe NAME project=ID [kinds=A,B] [severities=A,B] [KEY:VALUE...]`."""
        wanted = Filter(
            _urls(options.get("kinds")),
            _urls(options.get("severities")),
            _urls(options.get("types")),
            dict(word.split(":", 1) for word in words[1:]),
        )
        project = ProjectId(options.get("project", ""))
        name = SubscriptionId(f"subscription-{words[0]}")
        made = Subscription(name, project, UserId("owner"), words[0], "http://hook", wanted)
        secret = WebhookSecret(project, "whsec_none", 0)
        answer = self._product.run(SaveSubscription(made, ACTOR, secret))
        assert isinstance(answer, tuple)
        yield f"subscribed, {answer[1]} told"

    def _do_unsubscribe(self, words: Words, options: Options, body: str) -> Iterator[str]:
        name = SubscriptionId(f"subscription-{words[0]}")
        self._product.run(RemoveSubscription(name, ACTOR))
        yield from ()

    # ------------------------------------------------------------ showing

    def _since(self, wall_ns: int) -> str:
        return f"+{(wall_ns - self._start_ns) / _NS:g}s"

    def _show_hosts(self) -> Iterator[str]:
        for host in self._product.indexes.inventory.hosts():
            yield f"{host.name}: {shown.host_words(host)}"

    def _show_servers(self) -> Iterator[str]:
        for server in self._product.indexes.inventory.servers():
            yield f"{server.id}: {shown.server_words(server)} on {server.host or 'no host'}"

    def _show_ports(self) -> Iterator[str]:
        for port in self._product.indexes.inventory.ports():
            told = port.data_plane
            why = f": {shown._named(told.reason, self._faults)}" if told.reason else ""
            yield f"{port.id}: {port.data_plane_status or '-'}, status {port.status}{why}"

    def _show_faults(self) -> Iterator[str]:
        for fault_id in self._faults:
            yield shown.fault_line(self._product.fault(fault_id), self._faults)

    def _show_fault(self, name: str) -> Iterator[str]:
        fault = self._product.fault(self._fault(name))
        yield from shown.fault(fault, self._faults, self._since)

    def _show_causes(self) -> Iterator[str]:
        for cause in self._product.ledger.load().causes:
            yield shown.cause(cause, self._faults)

    def _show_alarms(self) -> Iterator[str]:
        for alarm_id in self._alarms.values():
            alarm = self._product.indexes.alarms.get(alarm_id)
            if alarm is not None:
                yield shown.alarm(alarm)

    def _show_deliveries(self) -> Iterator[str]:
        for delivery in self._product.deliveries:
            yield shown.owed(delivery, self._alarms)

    def _show_told(self, name: str) -> Iterator[str]:
        """`show told ALARM`: what its last delivery says of the event."""
        mine = [one for one in self._product.deliveries if one.ordering == self._alarms[name]]
        yield from shown.traits(mine[-1])

    def _show_events(self) -> Iterator[str]:
        """`show events`: every fact that was told since this was asked last."""
        yield from told(self._product, self._shown)
        self._shown = len(self._product.events)

    def _show_marks(self, name: str) -> Iterator[str]:
        for mark in self._product.marks:
            if self._faults.get(mark.fault) == name:
                yield f"{mark.point} {self._since(mark.last.wall_ns)} x{mark.count}"


def _urls(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _rule(body: str) -> EventRule:
    raising, _, clearing = body.partition("\nclear\n")
    raises = _clause(raising, "*")
    return EventRule(raises, _clause(clearing, raises.event_type) if clearing else None)


def _clause(text: str, event_type: str) -> Clause:
    """Return a clause; a first line of one word is its event type."""
    lines = text.splitlines()
    if " " not in lines[0]:
        event_type, *lines = lines
    return Clause(event_type, tuple(_condition(line) for line in lines))


def _condition(line: str) -> Condition:
    field, op, value, *kind = shlex.split(line)
    return Condition(field, Operator(op), kind[0] if kind else "string", value)
