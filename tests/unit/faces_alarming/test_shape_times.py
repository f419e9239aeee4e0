"""Time constraints and actions in Aodh's shape: what is taken, what is refused, from whom."""

from typing import Any

import pytest

from faultwire.domain.errors import Invalid, Unauthenticated
from faultwire.domain.ids import AlarmId, ProjectId, UserId
from faultwire.faces.alarming.actions import check_action
from faultwire.faces.alarming.shape import Described, Terms, from_json, to_json

CONSTRAINT = {"name": "night", "start": "0 23 * * *", "duration": 10_800}


def described(body: object) -> Described:
    return from_json(body, AlarmId("a1"), ProjectId("p1"), UserId("u1"), Terms())


def with_times(value: object) -> dict[str, Any]:
    return {"name": "a", "type": "event", "event_rule": {}, "time_constraints": value}


def refused(body: object) -> str:
    with pytest.raises(Invalid) as caught:
        described(body)
    return str(caught.value)


def test_a_time_constraint_has_aodhs_defaults() -> None:
    """Name, start and duration; the rest is filled in as Aodh does."""
    body = with_times([CONSTRAINT])
    alarm = described(body).alarm
    assert alarm.time_constraints == (
        {
            **CONSTRAINT,
            "description": "Time constraint at 0 23 * * * lasting for 10800 seconds",
            "timezone": "",
        },
    )
    assert described(to_json(alarm)).alarm == alarm


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": None}, "[0].name"),
        ({"start": None}, "[0].start"),
        ({"start": 7}, "[0].start"),
        ({"duration": None}, "[0].duration"),
        ({"duration": -1}, "[0].duration"),
        ({"duration": 1.5}, "[0].duration"),
        ({"duration": True}, "[0].duration"),
        ({"duration": 10**12}, "[0].duration"),
        ({"timezone": 7}, "[0].timezone"),
        ({"description": []}, "[0].description"),
    ],
)
def test_a_time_constraint_that_is_wrong_is_named(changes: dict[str, object], name: str) -> None:
    """By its place in the list and its attribute."""
    constraint = {**CONSTRAINT, **changes}
    sentence = refused(with_times([constraint]))
    assert sentence.startswith(f"Invalid input for field/attribute time_constraints{name}. ")


def test_names_of_time_constraints_are_unique() -> None:
    """Aodh's sentence, and which one it is; unknown attributes and other kinds as elsewhere."""
    sentence = refused(with_times([CONSTRAINT, CONSTRAINT]))
    assert sentence == (
        "Invalid input for field/attribute time_constraints[1].name. Value: 'night'. "
        "Time constraint names must be unique for a given alarm."
    )
    odd = {**CONSTRAINT, "foo": 1}
    sentence = refused(with_times([odd]))
    assert sentence == "Unknown attribute for argument data.time_constraints[0]: foo"
    for value in ("x", {}, [7], [CONSTRAINT] * 21):
        sentence = refused(with_times(value))
        assert sentence.startswith("Invalid input for field/attribute time_constraints")


@pytest.mark.parametrize("url", ["log://", "test://", "LOG://alarms", "test://a/b?c"])
def test_the_log_is_for_administrators(url: str) -> None:
    """Aodh's sentence for anybody else; the guard of the web is not asked."""
    check_action(url, "ok_actions[0]", admin=True, check_url=_no_web)
    with pytest.raises(Unauthenticated) as caught:
        check_action(url, "ok_actions[0]", admin=False, check_url=_no_web)
    assert str(caught.value) == f"You are not authorized to create action: {url}"


@pytest.mark.parametrize("url", ["ftp://x", "zaqar://?topic=a", "trust+heat://a", "javascript:x"])
def test_a_scheme_that_is_not_served_has_aodhs_sentence(url: str) -> None:
    """The action and no more, as Aodh has it."""
    with pytest.raises(Invalid) as caught:
        check_action(url, "ok_actions[0]", admin=True, check_url=_no_web)
    assert str(caught.value) == f"Unsupported action {url}"


@pytest.mark.parametrize("url", ["log://\n", "test://" + "x" * 2048])
def test_odd_text_is_no_action_for_the_log(url: str) -> None:
    """What would break a line of the log, or fill it, is refused."""
    with pytest.raises(Invalid, match="printable"):
        check_action(url, "ok_actions[0]", admin=True, check_url=_no_web)


def test_a_trust_needs_keystone() -> None:
    """The reason is said, and a trust's id is not repeated."""
    with pytest.raises(Invalid, match="Keystone") as caught:
        check_action("trust+http://id:delete@a/", "ok_actions[1]", admin=True, check_url=_no_web)
    assert str(caught.value).startswith("Unsupported action trust+http://...@a/: ok_actions[1] ")


def _no_web(url: str) -> None:
    pytest.fail(f"the web was asked about {url}")
