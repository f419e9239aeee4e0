"""The log messages of the product, found in its syntax trees."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from faultwire.domain.guarding import WindowKind
from faultwire.domain.moves import MOVES
from tests.house import tree

LEVELS = {
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
    "critical": "CRITICAL",
}
LOGGERS = frozenset({"log", "logger", "access_log"})
ACTION = re.compile(
    r"(identity|user|project|role|token|login|credential|agent|secret|inventory|fault|alarm"
    r"|subscription|quota|service|host|network|subnet|port"
    r"|guest|task|monitor)"
    r"\.(bootstrap|create|update|delete|grant|revoke|refused|enrol|second_session|rotate|import"
    r"|report|close)"
    r"|acts\.(hold|release)|credential\.revoke|delivery\.replay|fault\.act"
    r"|host\.(confirm|(un)?fence|(un)?fenced|fence_failed)"
    r"|server\.(create|delete|edit|monitor|metadata|evacuate)"
)
PLACE = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[diouxXeEfFgGcrsa]")


@dataclass(frozen=True, slots=True)
class Logged:
    """One call of a logger: what it says, with … for what it is told, and where."""

    level: str
    text: str
    where: str


def messages() -> Iterator[Logged]:
    """Every message at WARNING and above; one whose text cannot be read stands as ``(unread)``."""
    for path in tree.python_files("src/faultwire"):
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.Call) and (level := _level(node)) is not None:
                yield Logged(level, _text(node), tree.at(path, node.lineno))


def actions() -> set[str]:
    """Every action that the product writes into the audit record."""
    found = {"alarm.state.ok", "alarm.state.alarm", "alarm.state.insufficient_data"}
    found |= {f"server.{move.name.replace(' ', '_')}" for move in MOVES.values()}
    found |= {f"{kind.value}.{did}" for kind in WindowKind for did in ("create", "delete")}
    for path in tree.python_files("src/faultwire"):
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if ACTION.fullmatch(node.value) else set()
    return found | {"refused"}


def _level(call: ast.Call) -> str | None:
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    return LEVELS.get(function.attr) if function.value.id in LOGGERS else None


def _text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return "(unread)"
    return PLACE.sub("…", first.value).replace("%%", "%")
