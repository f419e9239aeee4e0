"""Frozen values made the quick way are like those made the usual way."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given

from faultwire.domain.alarms import Alarm
from faultwire.domain.making import maker
from faultwire.domain.rules import Clause, Condition
from tests import strategies as our


@given(alarm=our.alarms)
def test_a_value_is_the_same_either_way(alarm: Alarm) -> None:
    """Equal, of the class, with every field; what is made of it is as usual."""
    made = maker(Alarm)(*(getattr(alarm, field.name) for field in fields(alarm)))
    assert type(made) is Alarm
    assert made == alarm
    assert hash(made) == hash(alarm)
    assert repr(made) == repr(alarm)
    assert replace(made, name="other") == replace(alarm, name="other")


def test_a_value_is_frozen() -> None:
    """No field can be set, and none can be added."""
    made = maker(Clause)("type", ())
    with pytest.raises(FrozenInstanceError):
        made.event_type = "other"  # type: ignore[misc]


def test_every_field_must_be_given() -> None:
    """Nothing is filled in: a field that the class gains later is noticed."""
    with pytest.raises(TypeError):
        maker(Condition)("field")
