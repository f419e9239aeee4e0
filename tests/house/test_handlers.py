"""Errors are not swallowed: a handler for everything logs, or raises again."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house import tree

EVERYTHING = {"Exception", "BaseException"}
LOG_CALLS = {"exception", "error", "warning", "critical", "info", "debug", "log"}


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in EVERYTHING for kind in kinds)


def _speaks(handler: ast.ExceptHandler) -> bool:
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOG_CALLS
        ):
            return True
    return False


def _silent(path: Path) -> Iterator[str]:
    for node in ast.walk(tree.parsed(path)):
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node) and not _speaks(node):
            yield f"{tree.at(path, node.lineno)} catches everything and neither logs nor raises"


def test_a_handler_for_everything_logs_or_raises() -> None:
    """No catch-all in the product hides what it caught."""
    tree.none_of(line for path in tree.python_files("src", "packages") for line in _silent(path))
