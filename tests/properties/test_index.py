"""The index of alarms against a scan of all alarms, and conditions against their grammar."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.changes import AlarmsMoved, AlarmsRemoved, AlarmsSaved, DeliveriesQueued
from faultwire.domain.decided import Fired
from faultwire.domain.errors import Invalid
from faultwire.domain.events import Event
from faultwire.domain.ids import ADMINISTRATORS, AlarmId
from faultwire.domain.instants import Instant
from faultwire.domain.rules import Clause, Condition, Operator
from faultwire.notifier.evaluator.engine import EventEvaluator
from faultwire.notifier.evaluator.index import AlarmIndex
from faultwire.notifier.evaluator.rules import Test, Trait, compile_clause, compile_condition
from tests import strategies as our

NOW = Instant(1_700_000_000_000_000_000, 5)

Moves = list[tuple[AlarmId, AlarmState, AlarmState, int]]


# ---------------------------------------------------------------- the naive evaluator


def _cast(kind: str, value: object) -> object:
    if kind == "integer":
        return int(str(value))
    if kind == "float":
        return float(str(value))
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}[str(value)]
    return str(value)


def _holds(condition: Condition, traits: Mapping[str, Trait]) -> bool:
    name = condition.field.removeprefix("traits.")
    absent = condition.op is Operator.NE
    if name not in traits:
        return absent
    if (name, condition.op, condition.value) == ("state", Operator.EQ, "shutdown"):
        return "shutdown" in {traits["state"], traits.get("power_state")}
    try:
        found = _cast(condition.type, traits[name])
    except (ValueError, KeyError):
        return absent
    wanted: object = _cast(condition.type, condition.value)
    return {
        Operator.EQ: found == wanted,
        Operator.NE: found != wanted,
        Operator.LT: found < wanted,  # type: ignore[operator]
        Operator.LE: found <= wanted,  # type: ignore[operator]
        Operator.GT: found > wanted,  # type: ignore[operator]
        Operator.GE: found >= wanted,  # type: ignore[operator]
    }[condition.op]


def _hit(clause: Clause, alarm: Alarm, event: Event, traits: Mapping[str, Trait]) -> bool:
    if not fnmatch.fnmatchcase(event.event_type, clause.event_type):
        return False
    if alarm.resource_id is not None and traits.get("resource_id") != alarm.resource_id:
        return False
    return all(_holds(condition, traits) for condition in clause.query)


def _views(event: Event) -> Iterator[tuple[str, Mapping[str, Trait]]]:
    if event.project != ADMINISTRATORS:
        yield event.project, event.traits
    yield ADMINISTRATORS, {**event.traits, **({"host": event.host} if event.host else {})}


def scanned(alarms: Iterable[Alarm], events: Iterable[Event]) -> Moves:
    """Return what fires, by looking at every alarm for every event."""
    state = {alarm.id: (alarm.state, alarm.version) for alarm in alarms}
    moves: Moves = []
    for event in events:
        for project, traits in _views(event):
            for alarm in alarms:
                if not alarm.enabled or alarm.project != project:
                    continue
                before, version = state[alarm.id]
                clears = alarm.rule.clears
                if _hit(alarm.rule.raises, alarm, event, traits):
                    after, again = AlarmState.ALARM, alarm.repeat_actions
                elif clears is not None and _hit(clears, alarm, event, traits):
                    after, again = AlarmState.OK, False
                else:
                    continue
                if after is not before or again:
                    state[alarm.id] = after, version + 1
                    moves.append((alarm.id, before, after, version + 1))
    return moves


# ---------------------------------------------------------------- the one that is shipped


def fired(index: AlarmIndex, events: list[Event]) -> Fired:
    """Drive an evaluation to its end."""
    work = EventEvaluator(index).evaluate(events, NOW)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            found: Fired = stop.value
            return found


steps = st.lists(
    st.one_of(
        st.lists(our.alarms, max_size=4).map(lambda some: AlarmsSaved(tuple(some))),
        st.lists(st.sampled_from([AlarmId(f"alarm-{n}") for n in range(6)]), max_size=2).map(
            lambda some: AlarmsRemoved(tuple(some))
        ),
    ),
    max_size=5,
)


@given(steps=steps, events=st.lists(our.events(), max_size=5))
def test_the_index_finds_what_a_scan_would(
    steps: list[AlarmsSaved | AlarmsRemoved], events: list[Event]
) -> None:
    """Whatever was created, replaced and deleted: the same alarms fire, once each (S15, S16)."""
    index, known = AlarmIndex(), dict[AlarmId, Alarm]()
    for step in steps:
        index.apply(step)
        if isinstance(step, AlarmsSaved):
            known.update((alarm.id, alarm) for alarm in step.alarms)
        else:
            for name in step.alarms:
                known.pop(name, None)
    outcome = fired(index, events)
    moves = [move for c in outcome.changes if isinstance(c, AlarmsMoved) for move in c.transitions]
    assert sorted((m.alarm_id, m.version, m.previous, m.current) for m in moves) == sorted(
        (alarm, version, before, after)
        for alarm, before, after, version in scanned(known.values(), events)
    )
    queued = [change for change in outcome.changes if isinstance(change, DeliveriesQueued)]
    owed = [delivery for change in queued for delivery in change.deliveries]
    assert len({one.id for one in owed}) == len(owed) == outcome.deliveries
    assert sum(
        len(known[m.alarm_id].alarm_actions)
        if m.current is AlarmState.ALARM
        else len(known[m.alarm_id].ok_actions)
        for m in moves
    ) == len(owed)
    for move in moves:
        index.apply(AlarmsMoved((move,)))
        alarm = index.get(move.alarm_id)
        assert alarm is not None
        assert (alarm.state, alarm.version) == (move.current, move.version)
    for project in (*our.PROJECTS, ADMINISTRATORS):
        assert index.owned(project) == sum(one.project == project for one in known.values())


@given(alarms=st.lists(our.alarms, unique_by=lambda one: one.id))
def test_an_index_that_is_emptied_holds_nothing(alarms: list[Alarm]) -> None:
    """No trace of a deleted alarm stays in memory."""
    index = AlarmIndex()
    index.apply(AlarmsSaved(tuple(alarms)))
    index.apply(AlarmsRemoved(tuple(alarm.id for alarm in alarms)))
    skipped = {"_appliers", "_forms"}
    tables = {name: table for name, table in vars(index).items() if name not in skipped}
    assert not len(index._forms)
    assert tables == {name: {} for name in tables}


def _compiled(condition: Condition) -> tuple[Test | None, str]:
    try:
        return compile_condition(condition, "query[3]"), ""
    except Invalid as error:
        return None, error.field


@given(
    condition=our.any_conditions,
    traits=st.dictionaries(st.sampled_from(our.FIELDS), our.trait_values),
)
def test_a_condition_compiles_or_is_invalid_and_never_raises(
    condition: Condition, traits: dict[str, Trait]
) -> None:
    """A user's condition is refused at once or evaluated for ever without an error (S20, S51)."""
    test, refused = _compiled(condition)
    if test is None:
        assert refused.startswith("query[3].")
        return
    assert test(traits) in {True, False}
    assert test({}) is (condition.op is Operator.NE)


@given(clause=our.clauses, traits=st.dictionaries(st.sampled_from(our.FIELDS), our.trait_values))
def test_a_clause_that_matches_is_found_by_its_key(
    clause: Clause, traits: dict[str, Trait]
) -> None:
    """The key that the index takes never hides a match."""
    compiled = compile_clause(clause)
    if compiled.key is not None and compiled.matches(traits):
        name, value = compiled.key
        assert str(traits[name]) == value


@given(alarms=st.lists(our.alarms, unique_by=lambda one: one.id))
def test_an_alarm_comes_out_of_the_index_as_it_went_in(alarms: list[Alarm]) -> None:
    """Whatever alarms share in memory, each is still its own, to the last field."""
    index = AlarmIndex()
    index.apply(AlarmsSaved(tuple(alarms)))
    assert [index.get(alarm.id) for alarm in alarms] == alarms
