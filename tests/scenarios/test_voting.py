"""Every scenario file of votes: quorum, disagreement, expiry, isolation, liars.

``pytest tests/scenarios --rewrite`` writes what is printed now into the files: read the diff.
"""

from pathlib import Path

import pytest

from faultwire.liveness.ballots import Moved, Stood, Terms
from faultwire.liveness.seats import Presence
from faultwire.liveness.suspicion import MS
from faultwire.testing.voting import VotingScene
from tests.scenarios.script import rewritten

FILES = sorted((Path(__file__).parent / "voting").glob("*.txt"))


class Course:
    """What the directives of a file do; each prints what moved since the one before."""

    def __init__(self) -> None:
        self.scene = VotingScene()
        self.told = 0

    def do(self, directive: str, body: str) -> str:
        name, *words = directive.split()
        getattr(self, f"_{name}")(*words)
        lines = [self._line(at, one) for at, one in self.scene.said[self.told :]]
        self.told = len(self.scene.said)
        return "\n".join(lines)

    def _line(self, at: int, one: Moved | Stood) -> str:
        if isinstance(one, Stood):
            why = f": {'; '.join(one.reasons)}" if one.reasons else ""
            return f"+{at}ms {one.seat}: {one.was} -> {one.presence or 'gone'}{why}"
        votes = one.votes
        counted = f"down {','.join(votes.down) or '-'} against {','.join(votes.against) or '-'}"
        if votes.abstained:
            counted += f" abstained {','.join(votes.abstained)}"
        return f"+{at}ms {one.host}: {one.was} -> {one.state} ({one.signal}) {counted}"

    def _settings(self, *words: str) -> None:
        given = {name: int(value) for name, _, value in (w.partition("=") for w in words)}
        terms = Terms(
            given.get("votes", 0),
            given.get("wait_ms", 500) * MS,
            given.get("percent", 20),
            given.get("hosts", 5),
        )
        self.scene = VotingScene(terms)

    def _seats(self, *names: str) -> None:
        self.scene.seat(*names)

    def _expect(self, name: str, ms: str) -> None:
        self.scene.ballots.expect((name,), self.scene.now + int(ms) * MS)
        self.scene.look()

    def _down(self, name: str, *hosts: str) -> None:
        self.scene.vote(name, down=_named(hosts))

    def _alive(self, name: str, *hosts: str) -> None:
        self.scene.vote(name, alive=_named(hosts))

    def _unknown(self, name: str, *hosts: str) -> None:
        self.scene.vote(name, unknown=_named(hosts))

    def _stand(self, name: str, presence: str) -> None:
        self.scene.stand(name, Presence(presence))

    def _lose(self, name: str) -> None:
        self.scene.lose(name)

    def _leave(self, name: str) -> None:
        self.scene.ballots.dismiss(name)
        self.scene.look()

    def _doubt(self, host: str) -> None:
        self.scene.ballots.doubt(host)
        self.scene.look()

    def _run(self, ms: str) -> None:
        self.scene.run(float(ms))


def _named(words: tuple[str, ...]) -> list[str]:
    """Return hosts: ``h3``, or ``h1..h9``."""
    found = []
    for word in words:
        first, _, last = word.partition("..")
        numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
        found += [f"h{number}" for number in numbers]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_course_of_votes_prints_what_its_file_says(path: Path, rewrite: bool) -> None:
    """What follows from a course of votes, and when, is what was agreed."""
    text = path.read_text(encoding="utf-8")
    actual = rewritten(text, Course().do)
    if rewrite:
        path.write_text(actual, encoding="utf-8")
    assert actual.splitlines() == (actual if rewrite else text).splitlines()
