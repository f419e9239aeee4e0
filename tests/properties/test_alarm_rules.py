"""Whatever JSON is sent as an alarm either compiles or is refused by name; nothing is lost."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsSaved, HostsSaved, ServersSaved
from faultwire.domain.commands import SaveAlarm, SetAlarmState
from faultwire.domain.errors import Invalid
from faultwire.domain.events import INSTANCE_UPDATE, Event
from faultwire.domain.ids import AlarmId, HostName, ProjectId, ServerId, UserId
from faultwire.domain.resources import Host, Server
from faultwire.domain.rules import (
    Clause,
    CompositeRule,
    Condition,
    EventRule,
    Joint,
    Operator,
    PrometheusRule,
    Rule,
    Statistic,
    ThresholdRule,
)
from faultwire.faces.alarming.rules import WINDOW_S, types_of
from faultwire.faces.alarming.shape import Terms, from_json, to_json
from faultwire.notifier.evaluator.constraints import within
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.testing.chain import ACTOR, InProcess

P, U, A1 = ProjectId("p1"), UserId("u1"), AlarmId("a1")
SECRET = WebhookSecret(P, "whsec_", 0)
TERMS = Terms(unevaluated=True)
NAMED = re.compile(
    r"Invalid input for field/attribute [a-z_]+_rule[^ ]*\. "
    r"|Unknown attribute for argument data\.[a-z_]+_rule[^ ]*: "
)

# ---------------------------------------------------------------- any JSON

QUERY = [{"field": "traits.state", "op": "ne", "type": "string", "value": "error"}]
NARROWED = [{"field": "resource_id", "op": "eq", "type": "", "value": "vm-1"}]
METER = {"meter_name": "cpu", "threshold": 1.5, "statistic": "max", "query": NARROWED}
UP = {"query": "up == 0", "threshold": 1, "comparison_operator": "gt"}
CLEAR = {"event_type": "port.*", "query": QUERY}
GNOCCHI = {"threshold": 1, "aggregation_method": "mean", "metric": "m", "resource_type": "i"}
RULES: dict[str, dict[str, Any]] = {
    "event": {"event_type": "compute.*", "query": QUERY, "clear": CLEAR},
    "notification": {"event_type": "[!a-", "query": []},
    "threshold": METER,
    "prometheus": UP,
    "composite": {"or": [{"type": "threshold", **METER}, {"and": [{"type": "prometheus", **UP}]}]},
    "gnocchi_resources_threshold": {**GNOCCHI, "resource_id": "r"},
    "gnocchi_aggregation_by_metrics_threshold": {
        "threshold": 1,
        "aggregation_method": "mean",
        "metrics": ["a", "b"],
    },
    "gnocchi_aggregation_by_resources_threshold": {**GNOCCHI, "query": "{}"},
    "loadbalancer_member_health": {"pool_id": "p", "stack_id": "s", "autoscaling_group_id": "g"},
}

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**400), 0, -1])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["traits.state", "eq", "integer", "datetime", "*" * 9, "[", "1e999", "nan"])
)
KEYS = st.sampled_from(
    ["event_type", "query", "clear", "field", "op", "type", "value", "and", "or", "threshold"]
)
JSON = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with one thing in it that is something else, missing or new."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)) | KEYS)
        if key not in value:
            return {**value, key: draw(JSON)}
        if not draw(st.integers(0, 4)):
            return {name: held for name, held in value.items() if name != key}
        return {**value, key: draw(mutated(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(mutated(value[place])), *value[place + 1 :]]
    return draw(JSON)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Return an alarm of any type whose rule is nearly right, or anything."""
    kind = draw(st.sampled_from(types_of(unevaluated=True)))
    rule = RULES[kind]
    for _ in range(draw(st.sampled_from([1, 1, 0, 2]))):
        rule = draw(mutated(rule))
    return {"name": "a", "type": kind, f"{kind}_rule": rule}


EVENTS = [
    Event("m1", kind, P, 1, traits)
    for kind in (INSTANCE_UPDATE, "port.update.end", "")
    for traits in ({}, {"state": "error", "ports_down": 2, "load": 0.5}, {"state": ""})
]


def create(body: Mapping[str, Any]) -> Alarm | str:
    """Return the alarm that a body makes, or the sentence of its refusal."""
    product = InProcess()
    try:
        said = from_json(body, A1, P, U, TERMS)
    except Invalid as error:
        return str(error)
    try:
        product.run(SaveAlarm(said.alarm, True, ACTOR, SECRET))
    except Invalid as error:
        return f"Invalid input for field/attribute {error.field}. {error.reason}"
    return product.ledger.alarm(A1)


@given(bodies())
@example({"name": "a", "type": "event", "event_rule": {"event_type": "*a" * 8}})
@example({"name": "a", "type": "event", "event_rule": {"event_type": "[[:--&&||~~]" * 9}})
def test_any_json_is_a_rule_or_refused_by_name(body: dict[str, Any]) -> None:
    """It is created and evaluated without an error, or Invalid says which field (S51)."""
    alarm = create(body)
    if isinstance(alarm, str):
        kind = body["type"]
        missing = body[f"{kind}_rule"] is None
        assert NAMED.match(alarm) or (missing and alarm.startswith(f"{kind}_rule must be set"))
        return
    index = AlarmIndex()
    index.apply(AlarmsSaved((alarm,)))
    work = EventEvaluator(index).evaluate(EVENTS, InProcess().clock.instant())
    while next(work, work) is not work:
        pass
    assert from_json(to_json(alarm), A1, P, U, TERMS).alarm.rule == alarm.rule


CONSTRAINTS = [
    {"name": "n", "start": "0 23 * * mon-fri", "duration": 60, "timezone": "Asia/Tokyo"},
    {"name": "m", "start": "*/5 8-18 1,15 * *", "duration": 0, "description": "d"},
]
CRON = st.lists(
    st.from_regex(r"[0-9*/,?-]{1,6}|[a-z]{3}|@[a-z]{1,8}", fullmatch=True), max_size=6
).map(" ".join)
ZONES = st.sampled_from(["", "UTC", "Europe", "../UTC", "/", ".", "a" * 300, "Asia/Tokyo", "é"])


@given(
    mutated(CONSTRAINTS)
    | st.builds(
        lambda start, zone: [{**CONSTRAINTS[0], "start": start, "timezone": zone}], CRON, ZONES
    )
)
def test_any_json_is_a_time_constraint_or_refused_by_name(value: Any) -> None:
    """It is kept and shown, or refused by its place in the list."""
    alarm = create({"name": "a", "type": "event", "event_rule": {}, "time_constraints": value})
    if isinstance(alarm, str):
        assert re.match(
            r"Invalid input for field/attribute time_constraints[^ ]*\. "
            r"|Unknown attribute for argument data\.time_constraints\[\d+\]: ",
            alarm,
        )
        return
    assert within(alarm.time_constraints, 1_700_000_000_000_000_000) in {True, False}
    assert from_json(to_json(alarm), A1, P, U, TERMS).alarm.time_constraints == (
        alarm.time_constraints
    )


# ---------------------------------------------------------------- there and back

WORDS = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
THRESHOLDS = st.builds(
    ThresholdRule,
    meter=WORDS,
    threshold=NUMBERS,
    comparison=st.sampled_from(Operator),
    statistic=st.sampled_from(Statistic),
    period_s=st.integers(1, WINDOW_S // 100),
    evaluation_periods=st.integers(1, 100),
    query=st.lists(
        st.builds(
            Condition,
            field=st.sampled_from(["resource_id", "resource"]),
            op=st.just(Operator.EQ),
            type=st.sampled_from(["", "string"]),
            value=WORDS,
        ),
        max_size=1,
    ).map(tuple),
)
LEAVES = THRESHOLDS | st.builds(
    PrometheusRule,
    promql=WORDS.filter(lambda text: bool(text.strip())),
    threshold=NUMBERS,
    comparison=st.sampled_from(Operator),
)


def joined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    rules = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.builds(CompositeRule, joint=st.sampled_from(Joint), rules=rules)


PERIODIC = LEAVES | joined(LEAVES | joined(LEAVES))
KINDS = {ThresholdRule: "threshold", PrometheusRule: "prometheus", CompositeRule: "composite"}


@given(PERIODIC)
def test_a_periodic_rule_that_is_shown_is_taken_again(rule: Rule) -> None:
    """What GET shows, sent back by PUT, is the same rule, and so is what is stored."""
    alarm = Alarm(A1, P, U, "a", KINDS[type(rule)], rule)
    again = from_json(to_json(alarm), A1, P, U, TERMS).alarm
    assert again.rule == rule
    now = InProcess().clock.wall_ns()
    stored = replace(again, version=1, state_ns=now, updated_ns=now)
    assert create(to_json(alarm)) == stored


# ---------------------------------------------------------------- no lost update

RULE = EventRule(
    Clause(INSTANCE_UPDATE, (Condition("traits.state", Operator.EQ, "string", "error"),)),
    Clause(INSTANCE_UPDATE, (Condition("traits.state", Operator.EQ, "string", "active"),)),
)
STEPS = st.lists(
    st.tuples(st.just("put"), st.sampled_from(["http://one/", "http://two/", "http://three/"]))
    | st.tuples(st.sampled_from(["read", "fail", "mend", "reset"]), st.just("")),
    max_size=12,
)


@given(STEPS)
@example([("read", ""), ("fail", ""), ("put", "http://two/"), ("mend", ""), ("fail", "")])
def test_a_replacement_loses_nothing_while_events_fire(steps: list[tuple[str, str]]) -> None:
    """The owner's last words stay, and so does the state, however old what was read is."""
    product = InProcess()
    host = Host(HostName("h1"))
    server = Server(ServerId("s1"), "s", P, host.name)
    product.commit(HostsSaved((host,)), ServersSaved((server,)))
    alarm = Alarm(A1, P, U, "a", "event", RULE, state=AlarmState.OK, alarm_actions=("http://x/",))
    product.run(SaveAlarm(alarm, True, ACTOR, SECRET))
    read = to_json(product.ledger.alarm(A1))
    url, state, down, owed = "http://x/", AlarmState.OK, False, list[str]()
    for step, said in steps:
        product.clock.advance(1)
        if step == "read":
            read = to_json(product.ledger.alarm(A1))
        elif step == "put":
            body = {**read, "alarm_actions": [said]}
            told = from_json(body, A1, P, U, TERMS)
            command = SaveAlarm(
                told.alarm, False, ACTOR, SECRET, told.names_state, told.state_timestamp
            )
            product.run(command)
            url = said
        elif step == "reset":
            product.run(SetAlarmState(A1, AlarmState.OK, ACTOR))
            state = AlarmState.OK
        elif (step == "mend") is down:
            product.report(f"compute.host.{'up' if down else 'down'}", hostname="h1")
            down = not down
            if down:
                owed.append(url)
                state = AlarmState.ALARM
            else:
                state = AlarmState.OK
        kept = product.ledger.alarm(A1)
        assert (kept.state, kept.alarm_actions) == (state, (url,))
        assert kept == product.indexes.alarms.get(A1)
    assert [one.url for one in product.deliveries] == owed
