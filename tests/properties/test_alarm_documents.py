"""Whatever is sent as an alarm is one or refused, and what is shown is taken again."""

from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.aodh import naive
from faultwire.domain.errors import Invalid
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.faces.alarming.shape import Described, to_json
from tests.unit.faces_alarming.test_shape import EVENT, SEED, described

TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20)
NAME = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=20)
CONDITIONS = st.builds(
    Condition,
    field=st.from_regex(r"[a-zA-Z.',0-9_-]{1,20}", fullmatch=True),
    op=st.sampled_from(Operator),
    type=st.sampled_from(["", "string", "integer", "float", "boolean", "datetime"]),
    value=TEXT,
)
CLAUSES = st.builds(
    Clause,
    event_type=NAME.filter(lambda text: text.count("*") < 9),
    query=st.lists(CONDITIONS, max_size=3).map(tuple),
)
URLS = st.lists(TEXT, unique=True, max_size=3).map(tuple)
ALARMS = st.builds(
    Alarm,
    id=st.just(AlarmId("a1")),
    project=TEXT.map(ProjectId),
    user=TEXT.map(UserId),
    name=NAME,
    type=st.sampled_from(["event", "notification"]),
    rule=st.builds(EventRule, raises=CLAUSES, clears=st.none() | CLAUSES),
    description=NAME,
    enabled=st.booleans(),
    severity=st.sampled_from(["low", "moderate", "critical"]),
    state=st.sampled_from(AlarmState),
    repeat_actions=st.booleans(),
    alarm_actions=URLS,
    ok_actions=URLS,
    insufficient_data_actions=URLS,
    resource_id=st.none() | NAME,
)


@given(ALARMS)
def test_what_is_shown_is_taken_again(alarm: Alarm) -> None:
    """What GET shows, sent back by PUT, is the same alarm."""
    said = described(to_json(alarm))
    assert said == Described(alarm, names_state=True, state_timestamp=naive(0))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [*to_json(described(SEED).alarm), "event_rule", "query", "clear", "field", "op", "value"]
)
WORDS = st.sampled_from(["event", "notification", "traits.state", "error", "eq", "ok", "low"])
NEARLY = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(NEARLY | st.builds(lambda more: {**EVENT, **more}, st.dictionaries(KEYS, NEARLY)))
def test_any_json_is_an_alarm_or_refused(body: object) -> None:
    """Whatever is sent either reads or is Invalid, and nothing else."""
    try:
        said = described(body)
    except Invalid:
        return
    assert described(to_json(said.alarm)).alarm == said.alarm
