"""Conditions: casts, missing traits, the seed's example, and what is refused."""

import pytest

from faultwire.domain.errors import Invalid
from faultwire.domain.rules import Clause, Condition, Operator
from faultwire.notifier.evaluator.rules import Trait, compile_clause, compile_condition

TRAITS: dict[str, Trait] = {
    "state": "error",
    "power_state": "running",
    "ports_down": 2,
    "load": 1.5,
    "forced_down": "True",
    "at": "2026-01-31T12:00:00",
    "name": "10",
}


@pytest.mark.parametrize(
    ("field", "op", "value", "kind", "matches"),
    [
        ("state", "eq", "error", "string", True),
        ("state", "eq", "error", "", True),
        ("state", "ne", "error", "string", False),
        ("state", "eq", "Error", "string", False),
        ("name", "lt", "9", "string", True),
        ("name", "lt", "9", "integer", False),
        ("ports_down", "ge", "2", "integer", True),
        ("ports_down", "gt", "2", "integer", False),
        ("ports_down", "le", "2.0", "float", True),
        ("ports_down", "eq", "2", "string", True),
        ("load", "gt", "1", "float", True),
        ("load", "eq", "1", "integer", False),
        ("load", "ne", "1", "integer", True),
        ("forced_down", "eq", "true", "boolean", True),
        ("forced_down", "eq", "1", "boolean", True),
        ("forced_down", "ne", "no", "boolean", True),
        ("state", "eq", "true", "boolean", False),
        ("at", "gt", "2026-01-31T11:59:59", "datetime", True),
        ("at", "eq", "2026-01-31T13:00:00+01:00", "datetime", True),
        ("at", "lt", "2026-01-31", "datetime", False),
        ("state", "lt", "2026-01-31", "datetime", False),
        ("state", "ne", "2026-01-31", "datetime", True),
        ("nowhere", "eq", "x", "string", False),
        ("nowhere", "ne", "x", "string", True),
        ("nowhere", "lt", "5", "integer", False),
        ("ports_down", "eq", "nan", "float", False),
        ("ports_down", "ne", "nan", "float", True),
    ],
)
def test_a_condition(field: str, op: str, value: str, kind: str, matches: bool) -> None:
    """Both sides are cast; what is missing or cannot be cast is only unequal (S20, S51)."""
    condition = Condition(f"traits.{field}", Operator(op), kind, value)
    assert compile_condition(condition)(TRAITS) is matches


ONLY_TRAITS = "q.field: Query value or traits invalid: only traits.<name>"
UNABLE = "q.value: Unable to convert the value"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("state", Operator.EQ, "string", "x"), ONLY_TRAITS),
        (Condition("traits.", Operator.EQ, "string", "x"), ONLY_TRAITS),
        (Condition("event_type", Operator.EQ, "string", "x"), ONLY_TRAITS),
        (Condition("traits.a", Operator.EQ, "list", "x"), "q.type: The data type list is not"),
        (Condition("traits.a", Operator.EQ, "integer", "1.5"), f"{UNABLE} 1.5 to"),
        (Condition("traits.a", Operator.EQ, "integer", "9" * 5000), UNABLE),
        (Condition("traits.a", Operator.EQ, "float", "x"), UNABLE),
        (Condition("traits.a", Operator.EQ, "boolean", "maybe"), UNABLE),
        (Condition("traits.a", Operator.EQ, "datetime", "noon"), UNABLE),
    ],
)
def test_a_condition_that_could_never_hold_is_refused(condition: Condition, message: str) -> None:
    """Aodh takes these and never fires, or stops a project's alarms; we name the field (S51)."""
    with pytest.raises(Invalid, match="q") as caught:
        compile_condition(condition, "q")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("state", "power_state", "matches"),
    [
        ("stopped", "shutdown", True),
        ("error", "running", False),
        ("shutdown", "pending", True),
        ("error", "shutdown", True),
    ],
)
def test_a_state_of_shutdown_means_the_power_state_too(
    state: str, power_state: str, matches: bool
) -> None:
    """The seed's example works although no vm_state has that name (S43, D12)."""
    clause = compile_clause(Clause("*", (Condition("traits.state", Operator.EQ, "", "shutdown"),)))
    assert clause.key is None
    assert clause.matches({"state": state, "power_state": power_state}) is matches


def _equal(*pairs: tuple[str, str]) -> tuple[Condition, ...]:
    return tuple(Condition(f"traits.{f}", Operator.EQ, "string", value) for f, value in pairs)


@pytest.mark.parametrize(
    ("query", "resource", "key"),
    [
        ((), None, None),
        (_equal(("state", "error"), ("instance_id", "vm1")), None, ("instance_id", "vm1")),
        (_equal(("fault_id", "f"), ("resource_id", "r")), None, ("resource_id", "r")),
        (_equal(("display_name", "web")), None, ("display_name", "web")),
        (_equal(("state", "error")), "vm1", ("resource_id", "vm1")),
        (_equal(("state", "shutdown")), None, None),
        ((Condition("traits.state", Operator.NE, "", "error"),), None, None),
        ((Condition("traits.ports_down", Operator.EQ, "integer", "0"),), None, None),
    ],
)
def test_the_key_of_a_clause(
    query: tuple[Condition, ...], resource: str | None, key: tuple[str, str] | None
) -> None:
    """Alarms are found by the equality that tells them apart best (S15, S21, S23, promise 4)."""
    assert compile_clause(Clause("compute.instance.update", query), resource).key == key


@pytest.mark.parametrize(
    ("pattern", "event_type", "matches"),
    [
        ("compute.*", "compute.instance.update", True),
        ("compute.*", "network.port", False),
        ("compute.instance.updat?", "compute.instance.update", True),
        ("[cn]*.update", "compute.instance.update", True),
        ("COMPUTE.*", "compute.instance.update", False),
    ],
)
def test_wildcards_of_event_types(pattern: str, event_type: str, matches: bool) -> None:
    """As fnmatch has them, with case (S19)."""
    compiled = compile_clause(Clause(pattern))
    assert compiled.pattern is not None
    assert bool(compiled.pattern.match(event_type)) is matches
