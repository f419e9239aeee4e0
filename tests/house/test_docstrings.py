"""Docstrings: every public thing promises, every test says what it proves."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house import tree


def _undocumented(path: Path) -> Iterator[str]:
    if not ast.get_docstring(tree.parsed(path)):
        yield f"{tree.at(path)} the module has no docstring"
    for item in tree.definitions(path):
        if item.public and not ast.get_docstring(item.node) and not _overload(item.node):
            yield f"{tree.at(path, item.node.lineno)} {item.name} has no docstring"


def _overload(node: ast.ClassDef | tree.Function) -> bool:
    return any(
        getattr(mark, "id", getattr(mark, "attr", "")) == "overload"
        for mark in node.decorator_list
    )


def test_every_public_thing_has_a_docstring() -> None:
    """Modules, classes, functions and methods that others may use say what they promise."""
    tree.none_of(
        line for path in tree.python_files("src", "packages") for line in _undocumented(path)
    )


def _sentence(docstring: str | None) -> bool:
    first = (docstring or "").strip().split("\n\n")[0].strip()
    return first.endswith((".", ":"))


def test_every_test_says_what_it_proves() -> None:
    """A test's docstring opens with a sentence, ended by a full stop."""
    tree.none_of(
        f"{tree.at(path, item.node.lineno)} {item.name} does not say what it proves"
        for path in tree.python_files("tests")
        if path.name.startswith("test_")
        for item in tree.definitions(path)
        if isinstance(item.node, ast.FunctionDef | ast.AsyncFunctionDef)
        and item.node.name.startswith("test_")
        and not _sentence(ast.get_docstring(item.node))
    )
