"""What an agent does about servers that left its host while it was dead (D17)."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest

from faultwire.agent.barred import Barred
from faultwire.agent.credential import BoundCredential
from faultwire.testing.clock import ManualClock

BOUND = BoundCredential("agent", "compute-1", "c1", "s3cret", "http://h:1/fault")
ROOT = "http://h:1/fault/v1/hosts/compute-1"
HEADERS = {"X-Faultwire-Credential": BOUND.header}


class Restless(ManualClock):
    """A clock on which no sleep lasts."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Answer:
    """What a server answers."""

    def __init__(self, status: int = 200, content: object = b"{}") -> None:
        self.url = ROOT
        self.status = status
        self._content = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def read(self) -> bytes:
        return self._content

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


class Http:
    """Keeps what was asked; GETs are answered by the list, in order, POSTs by what is set."""

    def __init__(self, *lists: Answer) -> None:
        self.lists = list(lists)
        self.asked: list[str] = []
        self.confirmed: list[list[str]] = []

    def get(self, url: str, *, headers: dict[str, str]) -> Answer:
        assert headers == HEADERS
        self.asked.append(url)
        found = self.lists.pop(0)
        if found.status == 0:
            raise aiohttp.ClientConnectionError("refused")
        return found

    def post(self, url: str, *, headers: dict[str, str], data: bytes) -> Answer:
        assert (url, headers) == (f"{ROOT}/confirm", HEADERS)
        self.confirmed.append(json.loads(data)["servers"])
        return Answer()


def listed(*servers: str) -> Answer:
    """Return an answer that names servers."""
    return Answer(content={"servers": [{"id": one} for one in servers]})


async def heeded(
    http: Http, file: Path | None, *looks: frozenset[str] | None, some: bool = True
) -> list[str]:
    """Have an agent heed what it is told until it is done; return what it said."""
    said: list[str] = []
    left = list(looks)

    async def look() -> frozenset[str] | None:
        return left.pop(0)

    session: Any = http
    await Barred(BOUND, Restless(), said.append, file).heed(session, HEADERS, look, some=some)
    return said


async def test_nobody_is_asked_where_there_is_none(tmp_path: Path) -> None:
    """A welcome that names none leaves an empty list behind, and is followed by no request."""
    http, file = Http(), tmp_path / "barred"
    file.write_text("what was there before")
    assert await heeded(http, file, some=False) == []
    assert (http.asked, json.loads(file.read_text())) == ([], [])
    assert [found for found in os.scandir(tmp_path) if found.name != file.name] == []


async def test_what_runs_is_confirmed_once_it_does_not(tmp_path: Path) -> None:
    """The rest is confirmed at once; the file follows what is left."""
    http, file = Http(listed("a", "b"), listed("b"), listed()), tmp_path / "barred"
    still = frozenset({"b", "c"})
    said = await heeded(http, file, still, still, still, frozenset({"c"}))
    assert http.confirmed == [["a"], ["b"]]
    assert [line for line in said if "must not run here" in line] == [
        "b must not run here: evacuated while this was dead"
    ]
    assert json.loads(file.read_text()) == []


async def test_nothing_is_confirmed_by_who_knows_nothing(tmp_path: Path) -> None:
    """Without a list of what runs the names are handed on, and nobody vouches."""
    http, file = Http(listed("a")), tmp_path / "barred"
    (line,) = await heeded(http, file, None)
    assert "without --servers nobody confirms" in line
    assert (http.confirmed, json.loads(file.read_text())) == ([], ["a"])


@pytest.mark.parametrize(
    "wrong",
    [Answer(503), Answer(0), Answer(content=b"{"), Answer(content=[]), Answer(content={})],
)
async def test_what_goes_wrong_is_tried_again(wrong: Answer) -> None:
    """A server that is away or answers nonsense is asked again; it is said once."""
    http = Http(wrong, wrong, listed("a"), listed())
    said = await heeded(http, None, frozenset())
    assert http.confirmed == [["a"]]
    assert len([line for line in said if "not settled" in line]) == 1


async def test_nothing_is_confirmed_before_it_is_handed_on(tmp_path: Path) -> None:
    """A file that cannot be written holds the confirmation back until it can be."""
    folder = tmp_path / "later"

    class Mending(Http):
        def get(self, url: str, *, headers: dict[str, str]) -> Answer:
            if len(self.asked) == 2:
                folder.mkdir()
            assert self.confirmed == [] or folder.exists()
            return super().get(url, headers=headers)

    http = Mending(listed("a"), listed("a"), listed("a"), listed())
    await heeded(http, folder / "barred", frozenset())
    assert http.confirmed == [["a"]]


async def test_an_older_server_is_left_alone() -> None:
    """Where there is no such path nobody waits for one."""
    assert await heeded(Http(Answer(404)), None) == []


async def test_many_are_confirmed_in_parts() -> None:
    """No request is longer than a server takes."""
    many = [f"vm-{number:05}" for number in range(12_000)]
    http = Http(listed(*many), listed())
    await heeded(http, None, frozenset())
    assert [len(part) for part in http.confirmed] == [10_000, 2_000]
    assert [one for part in http.confirmed for one in part] == many
