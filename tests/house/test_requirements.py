"""The lock files: every pin hashed, no address, nothing unwanted, one version everywhere."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import tree

FOLDER = tree.ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)")
ADDRESS = re.compile(r"://|^\s*--?(index-url|extra-index-url|find-links|trusted-host|i|f)\b")


def _pins(path: Path) -> dict[str, str]:
    found = (PIN.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {match[1]: match[2] for match in found if match}


def _asked(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line):
            yield re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_holds_no_address(path: Path) -> None:
    """Where a package comes from is the installer's choice, never the lock file's."""
    tree.none_of(
        f"{tree.at(path, number)} {line}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if ADDRESS.search(line)
    )


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    """A package that was changed after the pinning is refused at install."""
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)
    tree.none_of(
        f"{tree.at(path)} {entry.splitlines()[0]} has no hash"
        for entry in entries
        if PIN.match(entry) and "--hash=sha256:" not in entry
    )


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_eventlet_is_pinned_nowhere(path: Path) -> None:
    """No lock file brings eventlet, but for the services of others that run beside us."""
    if path.stem == "minicloud":
        return
    assert "eventlet" not in _pins(path)


def test_what_is_asked_for_is_pinned() -> None:
    """Each name of run.in and test.in has its pin: the lock files are not stale."""
    run, test = _pins(FOLDER / "run.txt"), _pins(FOLDER / "test.txt")
    missing = [name for name in _asked(FOLDER / "run.in") if name not in run]
    missing += [name for name in _asked(FOLDER / "build.in") if name not in run]
    missing += [name for name in _asked(FOLDER / "test.in") if name not in test]
    tree.none_of(f"{name} is asked for and not pinned: make lock" for name in missing)


def test_the_tests_run_on_what_is_shipped() -> None:
    """test.txt holds every pin of run.txt at the same version."""
    run, test = _pins(FOLDER / "run.txt"), _pins(FOLDER / "test.txt")
    tree.none_of(
        f"{name} is {version} in run.txt and {test.get(name)} in test.txt"
        for name, version in run.items()
        if test.get(name) != version
    )


def test_the_site_documents_what_is_shipped() -> None:
    """docs.txt holds every pin of run.txt at the same version, and all that docs.in asks for."""
    run, docs = _pins(FOLDER / "run.txt"), _pins(FOLDER / "docs.txt")
    tree.none_of(
        f"{name} is {version} in run.txt and {docs.get(name)} in docs.txt"
        for name, version in run.items()
        if docs.get(name) != version
    )
    tree.none_of(name for name in _asked(FOLDER / "docs.in") if name not in docs)


def test_the_build_backend_is_pinned() -> None:
    """What builds the package is installed from the lock file too."""
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = project["build-system"]["requires"]
    assert asked == [
        line for line in (FOLDER / "build.in").read_text().splitlines() if line[0] != "#"
    ]
