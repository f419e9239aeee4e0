"""The repository as the house tests see it: its files, their syntax trees, and one way to fail."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "faultwire"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed, sorted.

    Outside a git work tree (an unpacked archive), every file that is not hidden or made.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        found = [ROOT / name for name in names if name]
    else:
        made = {".venv", "build", "dist", "state", "__pycache__"}
        found = [path for path in ROOT.rglob("*") if not made & set(path.parts)]
    return tuple(sorted(path for path in set(found) if path.is_file()))


def python_files(*folders: str) -> Iterator[Path]:
    """The Python files below these folders of the repository."""
    wanted = [ROOT / folder for folder in folders]
    for path in files():
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in wanted):
            yield path


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text, with its content."""
    for path in files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def lines() -> Iterator[tuple[str, str]]:
    """Every line of every text file as (path:line, text)."""
    for path, text in texts():
        for number, line in enumerate(text.splitlines(), start=1):
            yield at(path, number), line


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def at(path: Path, line: int = 1) -> str:
    """Where something is, as editors and terminals open it."""
    return f"{path.relative_to(ROOT)}:{line}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function with its dotted name, and whether every part of the name is public."""

    node: ast.ClassDef | Function
    name: str
    public: bool


def definitions(path: Path) -> Iterator[Definition]:
    """The classes and functions of a file; those inside functions are left out."""
    yield from _definitions(parsed(path).body, "", public=not path.stem.startswith("__main"))


def _definitions(body: Iterable[ast.stmt], prefix: str, *, public: bool) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _definitions(node.body, prefix, public=public)
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        shown = public and not node.name.startswith("_")
        yield Definition(node, prefix + node.name, shown)
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{prefix}{node.name}.", public=shown)


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, inner ones included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def none_of(offenders: Iterable[str]) -> None:
    """Fail with one line per offender; pass without any."""
    found = list(offenders)
    if found:
        pytest.fail("\n".join([f"{len(found)} found:", *found]), pytrace=False)
