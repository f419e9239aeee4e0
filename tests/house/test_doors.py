"""Doors that imports do not show: processes, raw sockets, eventlet and mocks."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from tests.house import tree

PROCESS_CALLS = {
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
    "ProcessPoolExecutor",
    "fork",
    "forkpty",
    "posix_spawn",
    "posix_spawnp",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "system",
    "popen",
}
PROCESS_DOORS = ("app", "liveness", "consumers", "cli")
RAW = {"SOCK_RAW", "AF_PACKET", "AF_NETLINK"}
MOCKS = {"mock", "unittest.mock", "pytest_mock", "freezegun", "time_machine"}


def _behind(path: Path, doors: tuple[str, ...]) -> bool:
    if not path.is_relative_to(tree.SOURCE):
        return False
    top = path.relative_to(tree.SOURCE).parts[0].removesuffix(".py")
    return top in doors


def _attributes(path: Path, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree.parsed(path)):
        if not isinstance(node, ast.Attribute) or node.attr not in names:
            continue
        # A resource may have an attribute of that name; what starts a process is os's.
        if node.attr != "system" or ast.unparse(node) == "os.system":
            yield f"{tree.at(path, node.lineno)} {ast.unparse(node)}"


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree.parsed(path)):
        where = tree.at(path, getattr(node, "lineno", 1))
        if isinstance(node, ast.Import):
            yield from ((where, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield where, node.module
            yield from ((where, f"{node.module}.{alias.name}") for alias in node.names)


def test_processes_are_started_behind_their_doors() -> None:
    """Only app, liveness, consumers and cli start a process, by whatever call."""
    tree.none_of(
        line
        for path in tree.python_files("src", "packages")
        if not _behind(path, PROCESS_DOORS)
        for line in _attributes(path, PROCESS_CALLS)
    )


def test_raw_sockets_are_opened_in_liveness_only() -> None:
    """No other package opens a raw socket."""
    tree.none_of(
        line
        for path in tree.python_files("src", "packages")
        if not _behind(path, ("liveness",))
        for line in _attributes(path, RAW)
    )


def test_fakes_not_mocks() -> None:
    """No file imports a mock or a clock that patches the world."""
    tree.none_of(
        f"{where} {name}"
        for path in tree.python_files("src", "packages", "tests", "bench")
        for where, name in _imports(path)
        if name in MOCKS
    )


def test_eventlet_is_absent() -> None:
    """The runtime and the tests run where eventlet cannot be imported."""
    assert importlib.util.find_spec("eventlet") is None
