"""Negotiation: which form of a call goes out, and what a server admits."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultwire.domain.errors import Invalid, RefusedArguments, RefusedVersion, RpcError
from faultwire.messaging.caps import Caps, read
from faultwire.messaging.peers import MOST_TOLD, TOLD_SECONDS, Peers
from faultwire.messaging.table import GUESTAGENT, TABLE, TASKMANAGER
from faultwire.messaging.versions import (
    Api,
    Argument,
    Kind,
    Method,
    Older,
    Version,
    admit,
    check,
    fit,
    parse,
)
from faultwire.testing.clock import ManualClock

VALUES = {
    Kind.TEXT: st.text("abc", max_size=8),
    Kind.WHOLE: st.integers(-(2**63) + 1, 2**63 - 1),
    Kind.REAL: st.floats(allow_nan=False, allow_infinity=False),
    Kind.FLAG: st.booleans(),
    Kind.NAMES: st.lists(st.text("ab", max_size=3), max_size=3),
    Kind.DOCUMENT: st.dictionaries(st.text("ab", max_size=3), st.integers(0, 9), max_size=3),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Api, Method, dict[str, Any]]:
    """Draw a call that fits the table."""
    api = draw(st.sampled_from(TABLE.apis))
    method = draw(st.sampled_from(api.methods))
    arguments = {
        one.name: draw(VALUES[one.kind])
        for one in method.arguments
        if one.required or draw(st.booleans())
    }
    return api, method, arguments


@given(calls(), st.integers(0, 3))
def test_a_form_suits_the_peer_or_is_refused(
    call: tuple[Api, Method, dict[str, Any]], minor: int
) -> None:
    """What goes out is never above the cap, never above its own need, and the peer admits it."""
    api, method, arguments = call
    cap = Version(1, minor)
    try:
        form = fit(api, method.name, arguments, min(cap, api.newest), "g1")
    except RefusedVersion:
        assert method.since > cap or any(
            one.older is Older.REFUSE and one.since and one.since > cap
            for one in method.arguments
            if one.name in arguments
        )
        return
    assert form.version <= cap
    assert form.version == method.needs(form.arguments)
    assert {**form.arguments} == {
        name: value for name, value in arguments.items() if name not in form.left_out
    }
    admitted, full = admit(api, method.name, str(form.version), form.arguments)
    assert admitted is method
    assert {name: value for name, value in full.items() if value is not None} == form.arguments


@settings(max_examples=30)
@given(ANYTHING, ANYTHING, ANYTHING)
def test_a_server_admits_or_refuses_whatever_comes(
    method: object, version: object, arguments: object
) -> None:
    """No message makes the door fail in another way than by a refusal (S212)."""
    for api in TABLE.apis:
        try:
            admit(api, method, version, arguments)
        except (RefusedVersion, RefusedArguments):
            continue


@given(st.sampled_from(TABLE.apis), ANYTHING)
def test_arguments_of_any_type_are_admitted_or_refused(api: Api, value: Any) -> None:
    """Each argument of each method takes any value without another failure than a refusal."""
    for method in api.methods:
        given_ = {one.name: value for one in method.arguments}
        try:
            admit(api, method.name, str(api.newest), given_)
        except RefusedArguments:
            continue


@pytest.mark.parametrize(
    ("kind", "value", "wrong"),
    [
        (Kind.TEXT, 7, "not a text"),
        (Kind.TEXT, "a\n", "control characters"),
        (Kind.TEXT, "a" * 11, "longer than 10 characters"),
        (Kind.WHOLE, True, "not a whole number"),
        (Kind.WHOLE, 2**70, "too large"),
        (Kind.REAL, math.inf, "not a number"),
        (Kind.REAL, "1", "not a whole number"),
        (Kind.FLAG, 1, "not true or false"),
        (Kind.NAMES, "ab", "not a list"),
        (Kind.NAMES, ["a"] * 11, "more than 10 items"),
        (Kind.NAMES, [7], "not a text"),
        (Kind.DOCUMENT, [], "not a mapping"),
        (Kind.DOCUMENT, {"a": "b" * 10}, "longer than 10 bytes"),
        (Kind.DOCUMENT, {7: object()}, "not a JSON mapping"),
    ],
)
def test_a_wrong_argument_is_named(kind: Kind, value: object, wrong: str) -> None:
    """What is refused says which argument, and what is wrong with it."""
    method = Method("does", Version(1, 0), (Argument("one", kind, most=10),))
    with pytest.raises(RefusedArguments, match=f"one: {wrong}"):
        check(method, {"one": value}, "there")


def test_missing_and_unknown_arguments_are_named() -> None:
    """A required argument may not be missing, an unknown one not be there."""
    with pytest.raises(RefusedArguments, match="host is missing"):
        admit(TASKMANAGER, "evacuate_host", "1.0", {})
    with pytest.raises(RefusedArguments, match="no argument 'fancy'"):
        admit(TASKMANAGER, "evacuate_host", "1.0", {"host": "h", "fancy": 1})
    with pytest.raises(RefusedArguments, match="not a mapping"):
        admit(TASKMANAGER, "evacuate_host", "1.0", [])


@pytest.mark.parametrize("version", ["2.0", "0.9", "1.99", "1", "train", "", None, 1.0, "1.0.0"])
def test_a_version_that_is_not_spoken_is_refused(version: object) -> None:
    """Too new, too old a major, and no version at all are answered in the same way."""
    with pytest.raises(RefusedVersion):
        admit(GUESTAGENT, "rpc_ping", version, {})


def test_a_method_is_not_older_than_it_is() -> None:
    """A method that came later is not there at the older version, as on the older server."""
    with pytest.raises(RefusedVersion, match=r"no such method at version 1\.0"):
        admit(GUESTAGENT, "get_diagnostics", "1.0", {})


def test_an_argument_that_may_not_be_left_out_is_refused_before_sending() -> None:
    """Without its targets an evacuation would go elsewhere: an older peer does not get it."""
    arguments = {"host": "h", "task_id": "t", "targets": ["a"]}
    with pytest.raises(RefusedVersion, match=r"targets came with version 1\.2"):
        fit(TASKMANAGER, "evacuate_host", arguments, Version(1, 1), None)
    form = fit(TASKMANAGER, "evacuate_host", {"host": "h", "task_id": "t"}, Version(1, 0), None)
    assert (form.arguments, form.left_out) == ({"host": "h"}, ("task_id",))


@pytest.mark.parametrize("text", ["1.0", "10.23"])
def test_a_version_is_read_as_it_is_written(text: str) -> None:
    """Reading and writing a version are inverse."""
    assert str(parse(text)) == text


# ---------------------------------------------------------------- caps


def test_a_level_is_a_release_a_version_or_auto() -> None:
    """Aliases, literals and auto give the caps that they say (S222, S223)."""
    assert read(TABLE, "conductor", "amber") == Version(1, 0)
    assert read(TABLE, "conductor", "copper") == Version(1, 2)
    assert read(TABLE, "conductor", "1.1") == Version(1, 1)
    caps = Caps({"conductor": "brass", "guestagent": "auto"})
    assert caps.of("conductor", None) == Version(1, 1)
    assert caps.of("guestagent", "g1") == GUESTAGENT.newest


@pytest.mark.parametrize("level", ["train", "1", "1.9", "2.0", "", "latest", "1.0.0", "Amber"])
def test_a_bad_level_ends_the_start(level: str) -> None:
    """The option and the known aliases are named, at start and not at the first call (D16)."""
    with pytest.raises(Invalid) as refused:
        Caps({"guestagent": level})
    assert "[upgrade_levels] guestagent" in str(refused.value)
    assert "auto, amber, brass, copper" in str(refused.value) or "up to 1.2" in str(refused.value)


class Reported:
    """What guests reported of themselves."""

    def __init__(self, **versions: str) -> None:
        """Take the version of each."""
        self._versions = versions

    def lowest(self, api: str, to: str | None) -> str | None:
        """Return a guest's."""
        return self._versions.get(to or "") if api == "guestagent" else None


def test_auto_is_per_guest() -> None:
    """One old guest caps calls to itself alone (D16)."""
    peers = Peers(ManualClock(), Reported(old="1.0", new="1.2"))
    caps = Caps({}, peers)
    assert caps.of("guestagent", "old") == Version(1, 0)
    assert caps.of("guestagent", "new") == Version(1, 2)
    assert caps.of("guestagent", "unknown") == Version(1, 2)


def test_auto_follows_the_peers_as_they_come_and_go() -> None:
    """The lowest of a survey caps; a refusal counts for a minute, or until the next survey."""
    clock = ManualClock()
    peers = Peers(clock)
    caps = Caps({}, peers)
    peers.surveyed("conductor", [Version(1, 2), Version(1, 1)])
    assert caps.of("conductor", None) == Version(1, 1)
    peers.surveyed("conductor", [Version(1, 2)])
    assert caps.of("conductor", None) == Version(1, 2)
    peers.refused("conductor", None, Version(1, 0))
    assert caps.of("conductor", None) == Version(1, 0)
    clock.advance(TOLD_SECONDS + 1)
    assert caps.of("conductor", None) == Version(1, 2)
    peers.surveyed("conductor", [])
    assert peers.lowest("conductor", None) is None


def test_a_newer_peer_does_not_raise_a_cap() -> None:
    """We speak no more than our own table, whatever the peers say."""
    peers = Peers(ManualClock())
    peers.surveyed("conductor", [Version(1, 99)])
    assert Caps({}, peers).of("conductor", None) == Version(1, 2)


def test_what_refusals_told_is_bounded() -> None:
    """Refusals of ever more peers cost no ever more memory."""
    peers = Peers(ManualClock())
    for number in range(MOST_TOLD + 10):
        peers.refused("guestagent", f"g{number}", Version(1, 0))
    assert peers.lowest("guestagent", f"g{MOST_TOLD + 9}") == "1.0"
    assert peers.lowest("guestagent", "g0") is None


@pytest.mark.parametrize("told", [None, [], {}, {"conductor": 7}, {"conductor": "x"}])
def test_a_peer_that_cannot_say_speaks_the_first_version(told: object) -> None:
    """An answer that holds no version means the oldest."""
    assert Peers(ManualClock()).read("conductor", told) == Version(1, 0)


def test_every_error_of_calls_can_be_told_to_another_process() -> None:
    """Topic, method and reason come out of a copy, and so of a pickle, as they went in."""
    for kind in RpcError.__subclasses__():
        error = copy.copy(kind("there", "does", "why"))
        assert (type(error), str(error)) == (kind, "does to there: why")
