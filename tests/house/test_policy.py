"""Every rule that a face asks is in a table."""

import ast
from pathlib import Path

from faultwire.policy.enforcer import RULES
from tests.house import tree


def _asked(path: Path) -> set[str]:
    """Return the texts of a face that have the form of a rule of ours."""
    prefixes = {rule.name.split(":")[0] for rule in RULES if rule.calls}
    return {
        node.value
        for node in ast.walk(tree.parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.partition(":")[0] in prefixes
        and node.value.partition(":")[1]
        and " " not in node.value
    }


def test_every_rule_that_a_face_asks_is_there() -> None:
    """No face asks a rule that is in no table, nor begins a name that no rule continues."""
    names = {rule.name for rule in RULES}
    parts = [name.split(":") for name in names]
    names |= {":".join(some[:count]) for some in parts for count in range(1, len(some))}
    tree.none_of(
        f"{tree.at(path)} asks {rule}"
        for path in tree.python_files("src/faultwire/faces")
        for rule in sorted(_asked(path))
        if rule.rstrip(":") not in names
    )
