"""The longest text that whatever a regular expression matches must contain.

Finding a fixed text in a block is many times faster than trying an expression on every line; only
lines that hold the text are tried.
"""

import re

_FLAGS = re.compile(r"\(\?[a-zA-Z]*[ix][a-zA-Z]*[:)-]")
_REPEATED = re.compile(r"\{\d*,?\d*\}")
_PLAIN_ESCAPES = frozenset(r".^$*+?{}[]|()\/-\"' #&~<>=!,:;@%_")
_BRACKETS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def literal_of(expression: str) -> str:
    """Return such a text, or nothing where none is sure.

    It is looked for outside of groups, classes and alternatives only. `expression` must be a
    valid one.
    """
    if _FLAGS.search(expression):
        return ""
    pieces, place = _Pieces(), 0
    while place < len(expression):
        if expression[place] == "|":
            return ""
        place = _step(expression, place, pieces)
    pieces.cut()
    return max(pieces.found, key=len, default="")


class _Pieces:
    """Runs of plain letters; what repeats or may be missing ends a run."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.run = ""

    def cut(self) -> None:
        self.found.append(self.run)
        self.run = ""

    def drop_last(self) -> None:
        self.run = self.run[:-1]
        self.cut()


def _step(expression: str, place: int, pieces: _Pieces) -> int:
    """Take one element of the expression; return where the next begins."""
    letter = expression[place]
    if letter == "\\":
        return _escaped(expression, place, pieces)
    if letter in "*?+{":
        return _repeat(expression, place, pieces)
    if letter == "[":
        pieces.cut()
        found = _BRACKETS.match(expression, place)
        return found.end() if found else len(expression)
    if letter == "(":
        pieces.cut()
        return _after_group(expression, place)
    if letter in ".^$":
        pieces.cut()
    else:
        pieces.run += letter
    return place + 1


def _escaped(expression: str, place: int, pieces: _Pieces) -> int:
    letter = expression[place + 1 : place + 2]
    if letter in _PLAIN_ESCAPES:
        pieces.run += letter
    elif letter in "dDsSwWbBAZ":
        pieces.cut()
    else:  # a number or a letter by its code: what follows it may be part of it
        pieces.cut()
        pieces.found.append("")
        return _after_code(expression, place + 2)
    return place + 2


def _after_code(expression: str, place: int) -> int:
    while place < len(expression) and expression[place].isalnum():
        place += 1
    return place


def _repeat(expression: str, place: int, pieces: _Pieces) -> int:
    found = _REPEATED.match(expression, place)
    if expression[place] == "{" and not found:
        pieces.run += "{"
        return place + 1
    pieces.drop_last()
    return found.end() if found else place + 1


def _after_group(expression: str, place: int) -> int:
    """Return where a group ends; what is in it may be missing or one of several."""
    depth = 0
    while place < len(expression):
        letter = expression[place]
        if letter == "\\":
            place += 1
        elif letter == "[":
            found = _BRACKETS.match(expression, place)
            place = found.end() - 1 if found else place
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if depth == 0:
                return place + 1
        place += 1
    return place
