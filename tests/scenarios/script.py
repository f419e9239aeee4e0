"""Scenario files: blocks of a directive, its body, four dashes, and what it is expected to print.

Lines that start with ``#`` between blocks are free text. A block ends at an empty line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

DASHES = "----"


@dataclass(frozen=True, slots=True)
class Block:
    """One directive with its body and what the file says that it prints."""

    directive: str
    body: str
    expected: str


Part = Block | str
"""A block, or a line of free text."""


def parsed(text: str) -> Iterator[Part]:
    """Return the parts of a file in order; raises ValueError for a block without dashes."""
    lines = iter(text.splitlines())
    for line in lines:
        if not line.strip() or line.startswith("#"):
            yield line
            continue
        body: list[str] = []
        for inner in lines:
            if inner == DASHES:
                break
            body.append(inner)
        else:
            raise ValueError(f"no {DASHES} after: {line}")
        printed: list[str] = []
        for inner in lines:
            if not inner.strip():
                break
            printed.append(inner)
        yield Block(line, "\n".join(body), "\n".join(printed))


def rewritten(text: str, run: Callable[[str, str], str]) -> str:
    """Return the file with what each directive really prints in the place of what was expected."""
    parts = []
    for part in parsed(text):
        if isinstance(part, str):
            parts.append(part)
            continue
        printed = run(part.directive, part.body)
        body = [part.body] if part.body else []
        parts.extend([part.directive, *body, DASHES, *([printed] if printed else []), ""])
    return "\n".join(parts).rstrip("\n") + "\n"
