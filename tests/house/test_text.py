"""The text of the repository: nothing unfinished, nothing of the machine it was written on."""

import re

import pytest

from tests.house import tree

# Put together from parts, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
NOT_IMPLEMENTED = re.compile(r"\bNot" + r"ImplementedError\b")
MACHINE = re.compile(
    r"(?<![\w.$})])/(wo" + r"rk|tm" + r"p/fw|ro" + r"ot|home/\w+)(/|\b)(?![-.\w])"
)
HOSTS = re.compile(r"\b(py" + r"pi\.org|pythonho" + r"sted\.org|registry\.npm|deb\.deb" + "ian)")


def test_nothing_is_marked_as_unfinished() -> None:
    """No mark stands for work that was left out."""
    tree.none_of(
        f"{where} {line.strip()}"
        for where, line in tree.lines()
        if UNFINISHED.search(line) or NOT_IMPLEMENTED.search(line)
    )


def test_no_path_of_a_machine_is_named() -> None:
    """No file names a folder that exists on one machine only."""
    tree.none_of(f"{where} {line.strip()}" for where, line in tree.lines() if MACHINE.search(line))


def test_no_registry_is_named() -> None:
    """No file names the address of a package registry."""
    tree.none_of(f"{where} {line.strip()}" for where, line in tree.lines() if HOSTS.search(line))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (UNFINISHED, "# TO" + "DO later"),
        (NOT_IMPLEMENTED, "raise Not" + "ImplementedError"),
        (MACHINE, "see /wo" + "rk/notes"),
        (MACHINE, "in /tm" + "p/fw/notes.md"),
        (MACHINE, "'/ro" + "ot/.cache'"),
        (HOSTS, "https://py" + "pi.org/simple"),
    ],
)
def test_what_is_refused_would_be_found(pattern: re.Pattern[str], found: str) -> None:
    """Each pattern matches what it is there for."""
    assert pattern.search(found)


@pytest.mark.parametrize("text", ["GET /v3/workers", "a/work/b", "/rootwrap", "${DIR}/work/x"])
def test_what_is_no_machine_path_is_left_alone(text: str) -> None:
    """Ordinary paths of URLs and of the product are no machine's."""
    assert not MACHINE.search(text)
