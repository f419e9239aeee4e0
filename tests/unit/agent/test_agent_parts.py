"""The agent's parts that need no wire: pauses, files, words."""

import json
import stat
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.agent import credential, servers, wire
from faultwire.agent.backoff import LONGEST_SECONDS, pause
from faultwire.domain.errors import Conflict, Invalid
from faultwire.liveness.settings import Settings

BOUND = credential.BoundCredential("agent", "compute-1", "c1", "s3cret", "http://h:1/fault")


def test_a_dropped_connection_is_tried_again_within_the_return_window() -> None:
    """Three tries at least fall into agent_return_ms, whatever chance says."""
    tries = list(accumulate(pause(attempt, 0.999) for attempt in range(3)))
    assert tries[0] <= 0.05
    assert tries[-1] <= Settings().agent_return_ms / 1000


@given(attempt=st.integers(0, 10**9), chance=st.floats(0, 1, exclude_max=True))
def test_a_pause_is_bounded(attempt: int, chance: float) -> None:
    """No number of failures makes the pause longer than a few seconds, or nothing."""
    assert 0.01 <= pause(attempt, chance) <= LONGEST_SECONDS


def test_a_credential_survives_its_file(tmp_path: Path) -> None:
    """What was written is read again, and nobody else may read it."""
    path = tmp_path / "credential"
    path.write_text("something longer that was there before" * 20)
    credential.write(path, BOUND)
    assert credential.load(path, "agent", "compute-1") == BOUND
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert "s3cret" not in repr(BOUND)
    assert BOUND.header == "agent/compute-1:s3cret"


def test_a_credential_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where the file cannot take its place no draft with the secret stays behind."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        credential.write(tmp_path / "taken", BOUND)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"name": "compute-2"}, "is bound to agent compute-2, not to agent compute-1"),
        ({"kind": "monitor"}, "is bound to monitor compute-1"),
        ({"secret": ""}, "secret: must be text"),
        ({"server": 7}, "server: must be text"),
        ({"server": "ftp://h"}, "server: must be an http or https URL"),
        ({"certificate": 7}, "certificate: must be text"),
    ],
)
def test_a_credential_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], names: str
) -> None:
    """Another name or kind, or a member that is wrong, is refused by name."""
    path = tmp_path / "credential"
    credential.write(path, BOUND)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(Invalid, match=names):
        credential.load(path, "agent", "compute-1")


@pytest.mark.parametrize(("text", "names"), [("{", "malformed JSON"), ("[]", "a JSON object")])
def test_a_file_that_is_no_credential_is_refused(tmp_path: Path, text: str, names: str) -> None:
    """A file that is no JSON object says so; one that is not there too."""
    path = tmp_path / "credential"
    with pytest.raises(Invalid, match="No such file"):
        credential.load(path, "agent", "compute-1")
    path.write_text(text)
    with pytest.raises(Invalid, match=names):
        credential.load(path, "agent", "compute-1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["a", "b"]', {"a", "b"}),
        ("a\n\n  b  \n# c\n", {"a", "b"}),
        ("", set()),
        ("[]", set()),
    ],
)
def test_a_list_is_json_or_lines(tmp_path: Path, text: str, found: set[str]) -> None:
    """Both forms give the same ids."""
    path = tmp_path / "servers"
    path.write_text(text)
    assert servers.read(path) == found


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b'["a",', "malformed JSON"),
        (b'{"a": 1}', "must be a list"),
        (b"[1]", "must be a list"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, raw: bytes, names: str) -> None:
    """A file that cannot be understood is an error, never an empty list."""
    path = tmp_path / "servers"
    with pytest.raises(Invalid, match="No such file"):
        servers.stamp(path)
    path.write_bytes(raw)
    with pytest.raises(Invalid, match=names):
        servers.read(path)


def test_a_list_that_is_replaced_has_another_stamp(tmp_path: Path) -> None:
    """Replacing the file shows, even by one of the same size at the same time."""
    path, other = tmp_path / "servers", tmp_path / "new"
    path.write_text("a")
    before = servers.stamp(path)
    assert servers.stamp(path) == before
    other.write_text("b")
    other.replace(path)
    assert servers.stamp(path) != before


WELCOME = {"version": "1.3", "session": "s", "heartbeat_ms": 500, "silence_ms": 2000}


def test_a_welcome_gives_the_terms() -> None:
    """The server's terms hold; members that we do not know are ignored."""
    text = json.dumps({"welcome": WELCOME | {"must_not_start": ["vm-1"], "news": 1}})
    assert wire.welcome(text) == wire.Terms("s", 500, 2000, ("vm-1",))


@pytest.mark.parametrize(
    ("change", "error", "names"),
    [
        ({"version": "2.0"}, Conflict, "speak version 2.0, this side speaks 1.2"),
        ({"version": None}, Invalid, "welcome.version"),
        ({"heartbeat_ms": 0}, Invalid, "welcome.heartbeat_ms"),
        ({"silence_ms": True}, Invalid, "welcome.silence_ms"),
        ({"session": 1}, Invalid, "session must be text"),
        ({"must_not_start": "vm"}, Invalid, "must_not_start a list"),
    ],
)
def test_a_welcome_that_cannot_hold_is_refused(
    change: dict[str, object], error: type[Exception], names: str
) -> None:
    """A server of another major version, or terms that make no sense, are refused by name."""
    with pytest.raises(error, match=names):
        wire.welcome(json.dumps({"welcome": WELCOME | change}))


@pytest.mark.parametrize("text", ["", "[]", '{"beat":1}', '{"welcome":[]}'])
def test_a_first_message_that_is_no_welcome_is_refused(text: str) -> None:
    """Whatever else a server says first is an error."""
    with pytest.raises(Invalid, match="welcome"):
        wire.welcome(text)
