"""Every scenario file of the suspicion machine, over a wire without a system.

``pytest tests/scenarios --rewrite`` writes what is printed now into the files: read the diff.
"""

import errno
from pathlib import Path

import pytest

from faultwire.liveness.prober import HostMoved, Stood, Target
from faultwire.liveness.settings import Settings
from faultwire.testing.probing import ProbingScene, address_of, hosts
from tests.scenarios.script import rewritten

FILES = sorted((Path(__file__).parent / "probing").glob("*.txt"))


class Course:
    """What the directives of a file do; each prints what moved since the one before."""

    def __init__(self) -> None:
        self.scene = ProbingScene()
        self.told = 0

    def do(self, directive: str, body: str) -> str:
        name, *words = directive.split()
        getattr(self, f"_{name}")(*words)
        lines = [self._line(one) for one in self.scene.said[self.told :]]
        self.told = len(self.scene.said)
        return "\n".join(line for line in lines if line)

    def _line(self, one: HostMoved | Stood) -> str:
        at = f"+{(one.at - self.scene.begun) // 1_000_000}ms"
        if isinstance(one, Stood):
            why = f": {'; '.join(one.reasons)}" if one.reasons else ""
            return f"{at} we are {one.standing}{why}"
        moved = one.moved
        if moved.signal == "answered" and moved.was == "unknown":
            return ""
        return f"{at} {one.host}: {moved.was} -> {moved.state} ({moved.signal})"

    def _settings(self, *words: str) -> None:
        self.scene = ProbingScene(
            Settings(**{name: int(value) for name, _, value in (w.partition("=") for w in words)})
        )

    def _hosts(self, count: str, ms: str = "1") -> None:
        self.scene.add(*hosts(int(count)), answers_ms=float(ms))

    def _canary(self, host: str) -> None:
        self.scene.answer(host)
        self.scene.prober.add(Target(host, address_of(host)), canary=True)

    def _cut(self, *names: str) -> None:
        self.scene.cut(*names)

    def _answer(self, *names: str) -> None:
        self.scene.answer(*names)

    def _refuse(self, *names: str) -> None:
        self.scene.wire.refuses = dict.fromkeys(map(address_of, names), errno.ENOBUFS)

    def _carrier(self, *down: str) -> None:
        self.scene.down = down

    def _run(self, ms: str) -> None:
        self.scene.run(float(ms))

    def _stall(self, ms: str) -> None:
        self.scene.stall(float(ms))

    def _remove(self, host: str) -> None:
        self.scene.prober.remove(host)

    def _doubt(self, host: str) -> None:
        self.scene.prober.doubt(host)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_course_prints_what_its_file_says(path: Path, rewrite: bool) -> None:
    """What the machine makes of a course of answers, and when, is what was agreed."""
    text = path.read_text(encoding="utf-8")
    actual = rewritten(text, Course().do)
    if rewrite:
        path.write_text(actual, encoding="utf-8")
    assert actual.splitlines() == (actual if rewrite else text).splitlines()
