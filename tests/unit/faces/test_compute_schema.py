"""Bodies against schemas: what is refused, and in which words."""

from typing import Any

import pytest

from faultwire.domain.errors import Invalid
from faultwire.faces.compute.schema import BOOLEAN, check_body, check_query, truth

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[a-z]*$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 3},
        "flag": BOOLEAN,
        "list": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "any": {"anyOf": [{"type": "null"}, {"type": "string", "enum": ["x"]}]},
        "inner": {"type": "object", "required": ["name"], "properties": {"name": {}}},
    },
    "required": ["name"],
    "additionalProperties": False,
    "maxProperties": 3,
}
FIELD = "Invalid input for field/attribute"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"count": 3, "flag": "off"},
        {"list": ["a", "b"], "any": None},
        {"any": "x", "inner": {"name": 1, "more": 2}},
    ],
)
def test_what_fits_passes(more: dict[str, Any]) -> None:
    """A body that the schema admits raises nothing."""
    check_body({"name": "web", **more}, SCHEMA)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "[] is not of type 'object'"),
        ({}, "'name' is a required property"),
        ({"name": ""}, f"{FIELD} name. Value: . '' should be non-empty"),
        ({"name": "abcde"}, f"{FIELD} name. Value: abcde. 'abcde' is too long"),
        ({"name": "A"}, f"{FIELD} name. Value: A. 'A' does not match '^[a-z]*$'"),
        ({"name": None}, f"{FIELD} name. Value: None. None is not of type 'string'"),
        (
            {"name": "a", "count": True},
            f"{FIELD} count. Value: True. True is not of type 'integer'",
        ),
        ({"name": "a", "count": 0}, f"{FIELD} count. Value: 0. 0 is less than the minimum of 1"),
        (
            {"name": "a", "count": 4},
            f"{FIELD} count. Value: 4. 4 is greater than the maximum of 3",
        ),
        ({"name": "a", "list": []}, f"{FIELD} list. Value: []. [] is too short"),
        ({"name": "a", "list": [1]}, f"{FIELD} 0. Value: 1. 1 is not of type 'string'"),
        (
            {"name": "a", "any": 1},
            f"{FIELD} any. Value: 1. 1 is not valid under any of the given schemas",
        ),
        ({"name": "a", "inner": {}}, f"{FIELD} inner. Value: {{}}. 'name' is a required property"),
        ({"name": "", "x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        (
            {"name": "a", "y": 1, "x": 1},
            "Additional properties are not allowed ('x', 'y' were unexpected)",
        ),
    ],
)
def test_what_does_not_fit_is_named(body: object, message: str) -> None:
    """The outermost wrong thing is told first, in Nova's words."""
    with pytest.raises(Invalid) as caught:
        check_body(body, SCHEMA)
    assert str(caught.value) == message


def test_long_values_are_cut() -> None:
    """A refusal repeats only the beginning of a long value."""
    with pytest.raises(Invalid) as caught:
        check_query({"name": "a" * 10_000}, SCHEMA)
    assert str(caught.value).startswith("Invalid input for query parameters name. Value: aaa")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("value", "says"),
    [(True, True), ("on", True), ("1", True), (False, False), ("off", False), (1, False)],
)
def test_truths(value: object, *, says: bool) -> None:
    """Texts stand for truths, numbers do not."""
    assert truth(value) is says
