"""What agents say, read by the face."""

import pytest

from faultwire.agent import wire
from faultwire.domain.agents import PROTOCOL_VERSION, check_version, host_name
from faultwire.domain.errors import Invalid, TooLarge
from faultwire.faces.fault import agentwire

LIMIT = 1000


def said(text: str, limit: int = LIMIT) -> agentwire.Said:
    """Read a text message."""
    return agentwire.read({"type": "websocket.receive", "text": text}, limit)


def test_what_the_agent_writes_is_what_the_face_reads() -> None:
    """Both ends of the wire agree on every message."""
    servers = frozenset({"b", "a"})
    assert said(wire.hello(1000, servers)) == agentwire.Hello(PROTOCOL_VERSION, servers, 1)
    assert said(wire.hello(1000, None)) == agentwire.Hello(PROTOCOL_VERSION, None, 1)
    assert said(wire.beat(7)) == agentwire.Beat()
    assert said(wire.servers(servers)) == agentwire.Servers(servers)
    assert said(wire.goodbye("reboot")) == agentwire.Goodbye("reboot")


@pytest.mark.parametrize(
    "letter", ["a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{GRINNING FACE}"]
)
def test_the_limit_counts_bytes(letter: str) -> None:
    """A message is measured as it was sent, not by its characters."""
    fits = (LIMIT - len('{"goodbye":""}')) // len(letter.encode())
    assert isinstance(said(f'{{"goodbye":"{letter * fits}"}}'), agentwire.Goodbye)
    with pytest.raises(TooLarge):
        said(f'{{"goodbye":"{letter * (fits + 1)}"}}')


@pytest.mark.parametrize(
    "name", ["c1", "compute-1.example.org", "rack_3-node.7", "east/c1", "a" * 255]
)
def test_a_host_name_is_taken(name: str) -> None:
    """Names as clouds use them, also behind a cloud's name, up to 255 characters."""
    assert host_name(name, "host") == name


@pytest.mark.parametrize("name", ["", "-a", "a-", ".a", "a b", "a/", "/b", "a\n", "é", "a" * 256])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    """Everything else is refused, naming the field."""
    with pytest.raises(Invalid, match="host: must be a host name"):
        host_name(name, "host")


@pytest.mark.parametrize("version", ["", "1", "1.0.0", "1.x", " 1.0", "1.0\n", 1.0, None, []])
def test_what_is_no_version_is_refused(version: object) -> None:
    """A version is text of two numbers."""
    with pytest.raises(Invalid, match="version"):
        check_version(version, "version")


def test_versions_differ_by_their_major_number() -> None:
    """The same major number can be spoken to; another one is told both versions."""
    assert check_version("1.99", "v") is None
    assert check_version("2.0", "v") == "you speak version 2.0, this side speaks 1.2"
