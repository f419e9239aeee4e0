r"""Regular expressions that cost what they look like: one pass over the text, whatever they say.

What there is: characters, ``.``, ``[a-z]``, ``[^a-z]``, ``\d \w \s`` and their opposites,
``^``, ``$``, groups, ``|``, ``* + ? {m,n}``. What there is not, and is refused: references back,
looking ahead or behind, lazy and possessive repeats, flags. ``.`` is any character, ``$`` the
very end; case counts. Every database is told the same expression in its own words.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from faultwire.domain.errors import Invalid

LONGEST, DEEPEST, MOST_REPEATS, MOST_STATES = 255, 10, 100, 300
"""Characters, groups within groups, a count in braces, and states once counts are written out."""

MOST_WORK = 2000
"""Parts added until all counts are written out."""

MOST_AT_ONCE = 8
"""Expressions of one question: so many are kept."""

KEPT = 50_000
"""States in the steps of the automaton that are remembered; then it forgets them all."""

STEPS = 64
"""New steps of the automaton, a millisecond or two, after which a match looks at the clock."""

_RANGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": (("\t", "\r"), (" ", " ")),
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_SPECIAL = frozenset("*+?{}()[]|")
_COUNT = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signs:
    """Any of these ranges of characters, or (negated) none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def hold(self, sign: str) -> bool:
        """Return whether a character is one of them."""
        return any(low <= sign <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Edge:
    """The beginning (``^``) or the end (``$``) of the text."""

    sign: str


@dataclass(frozen=True, slots=True)
class Row:
    """One part after the other."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several parts."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part so many times; `most` None: as often as it likes."""

    part: "Part"
    least: int
    most: int | None


Part: TypeAlias = Signs | Edge | Row | Choice | Repeat

_ANY = Signs((), negated=True)


@lru_cache(maxsize=MOST_AT_ONCE)
def regex(text: str) -> "Regex":
    """Return the expression; raises Invalid, without a field, saying what is wrong with it."""
    if len(text) > LONGEST:
        raise Invalid("", f"the expression is longer than {LONGEST} characters")
    if "\x00" in text:
        raise Invalid("", "the expression holds a NUL character")
    return Regex(_Reader(text).whole())


class _Reader:
    """Reads an expression from its beginning to its end, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Part:
        """Return the expression as a tree."""
        found = self._choice(0)
        if self._at < len(self._text):
            raise self._wrong("there is no group to close")
        return found

    def _wrong(self, why: str) -> Invalid:
        return Invalid("", f"at character {self._at + 1} of the expression: {why}")

    def _here(self, count: int = 1) -> str:
        return self._text[self._at : self._at + count]

    def _took(self, sign: str) -> bool:
        if self._here(len(sign)) != sign:
            return False
        self._at += len(sign)
        return True

    def _choice(self, depth: int) -> Part:
        if depth > DEEPEST:
            raise self._wrong(f"groups are nested deeper than {DEEPEST}")
        parts = [self._row(depth)]
        while self._took("|"):
            parts.append(self._row(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _row(self, depth: int) -> Part:
        parts: list[Part] = []
        while self._here() not in {"", "|", ")"}:
            parts.append(self._repeated(self._one(depth)))
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        counts = self._counts()
        if counts is None:
            return part
        if isinstance(part, Edge):
            raise self._wrong("an edge cannot be repeated")
        if self._here() in {"*", "+", "?", "{"}:
            raise self._wrong("a repeat of a repeat, or a lazy one, is not known here")
        least, most = counts
        if (most is not None and most < least) or max(least, most or 0) > MOST_REPEATS:
            raise self._wrong(f"counts go up, to {MOST_REPEATS} at most")
        return Repeat(part, least, most)

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._took(sign):
                return counts
        if self._here() != "{":
            return None
        found = _COUNT.match(self._text, self._at)
        if found is None:
            raise self._wrong("a brace begins a count, as {2} or {2,5}; write \\{ for itself")
        self._at = found.end()
        least, several, most = found.groups()
        if several is None:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _one(self, depth: int) -> Part:
        if self._took("("):
            if self._here() == "?" and not self._took("?:"):
                raise self._wrong("of groups with a question mark only (?:...) is known here")
            inner = self._choice(depth + 1)
            if not self._took(")"):
                raise self._wrong("a group is not closed")
            return inner
        sign = self._here()
        if sign in {"^", "$"}:
            self._at += 1
            return Edge(sign)
        if self._took("."):
            return _ANY
        if self._took("["):
            return self._set()
        if sign in _SPECIAL:
            raise self._wrong(f"there is nothing for {sign} to stand behind")
        return self._sign()

    def _sign(self) -> Signs:
        """Return a character, or what a backslash makes of one."""
        if not self._took("\\"):
            sign = self._here()
            self._at += 1
            return Signs(((sign, sign),))
        sign = self._here()
        self._at += 1
        if sign.lower() in _RANGES:
            return Signs(_RANGES[sign.lower()], negated=sign.isupper())
        sign = _CONTROLS.get(sign, sign)
        if not sign or (sign.isalnum() and sign.isascii()):
            self._at -= 1
            raise self._wrong("this escape is not known here")
        return Signs(((sign, sign),))

    def _set(self) -> Signs:
        negated = self._took("^")
        ranges: list[tuple[str, str]] = []
        while not ranges or not self._took("]"):
            if not self._here():
                raise self._wrong("a set is not closed")
            if self._here(2) in {"[:", "[.", "[="}:
                raise self._wrong("classes with a name are not known here")
            first = self._sign()
            if first.negated:
                raise self._wrong("an opposite cannot stand in a set")
            ranges.extend(self._range(first))
        return Signs(tuple(ranges), negated)

    def _range(self, first: Signs) -> tuple[tuple[str, str], ...]:
        if self._here() != "-" or self._here(2) in {"-", "-]"}:
            return first.ranges
        self._at += 1
        last = self._sign()
        ((low, low_end), *_), ((high, high_end), *_) = first.ranges, last.ranges
        single = low == low_end and high == high_end and not last.negated
        if not single or high < low:
            raise self._wrong("a range goes from a character up to another")
        return ((low, high),)


class Regex:
    """An expression, as an automaton that sees each character of a text once."""

    def __init__(self, tree: Part) -> None:
        """Take the tree; raises Invalid for one that is too large."""
        self._tree = tree
        self._jumps: list[list[tuple[str, int]]] = []
        self._signs: list[Signs | None] = []
        self._next: list[int] = []
        self._work = 0
        self._start = self._state()
        self._end = self._add(tree, self._start)
        self._begun = self._closure({self._start}, frozenset("^"))
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._room = KEPT

    def matches(self, text: str, look: Callable[[], object] = bool) -> bool:
        """Return whether the expression is found anywhere in a text.

        `look` is called after every STEPS characters that cost something; it may raise.
        """
        end, known = self._end, self._known
        states, steps = self._begun, 0
        for sign in text:
            if end in states:
                return True
            step = known.get((states, sign))
            if step is None:
                step = self._step(states, sign)
                steps += 1
                if steps % STEPS == 0:
                    look()
            states = step
        edges = "$" if text else "^$"
        return end in self._closure(set(states), frozenset(edges))

    def written(self, dialect: str) -> str:
        """Return the expression as a database takes it: its name is that of its dialect."""
        if dialect == "postgresql":
            return "***:" + _written(self._tree, "$")
        return "(?s)" + _written(self._tree, "\\z")

    def _step(self, states: frozenset[int], sign: str) -> frozenset[int]:
        reached = {self._start}
        for state in states:
            signs = self._signs[state]
            if signs is not None and signs.hold(sign):
                reached.add(self._next[state])
        found = self._closure(reached, frozenset())
        self._room -= len(found)
        if self._room < 0:
            self._known.clear()
            self._room = KEPT
        self._known[states, sign] = found
        return found

    def _closure(self, states: set[int], edges: frozenset[str]) -> frozenset[int]:
        waiting = list(states)
        while waiting:
            for edge, target in self._jumps[waiting.pop()]:
                if target not in states and (not edge or edge in edges):
                    states.add(target)
                    waiting.append(target)
        return frozenset(states)

    def _state(self) -> int:
        if len(self._jumps) >= MOST_STATES:
            raise Invalid("", "the expression is too large once its counts are written out")
        self._jumps.append([])
        self._signs.append(None)
        self._next.append(0)
        return len(self._jumps) - 1

    def _add(self, part: Part, start: int) -> int:
        """Add a part that begins at a state; return the one at which it ends."""
        # What is empty makes no state: its repetitions would cost without end.
        self._work += 1
        if self._work > MOST_WORK:
            raise Invalid("", "the expression is too large once its counts are written out")
        match part:
            case Signs():
                end = self._state()
                self._signs[start], self._next[start] = part, end
                return end
            case Edge():
                end = self._state()
                self._jumps[start].append((part.sign, end))
                return end
            case Row():
                for one in part.parts:
                    start = self._add(one, start)
                return start
            case Choice():
                end = self._state()
                for one in part.parts:
                    own = self._state()
                    self._jumps[start].append(("", own))
                    self._jumps[self._add(one, own)].append(("", end))
                return end
            case Repeat():
                return self._repeated(part, start)

    def _repeated(self, part: Repeat, start: int) -> int:
        for _ in range(part.least):
            start = self._add(part.part, start)
        if part.most is None:
            begin, end = self._state(), self._state()
            self._jumps[start].append(("", begin))
            self._jumps[begin].append(("", end))
            again = self._state()
            self._jumps[begin].append(("", again))
            self._jumps[self._add(part.part, again)].append(("", begin))
            return end
        end = self._state()
        self._jumps[start].append(("", end))
        for _ in range(part.most - part.least):
            own = self._state()
            self._jumps[start].append(("", own))
            start = self._add(part.part, own)
            self._jumps[start].append(("", end))
        return end


def _written(part: Part, end: str) -> str:
    match part:
        case Signs():
            return _set_written(part)
        case Edge():
            return end if part.sign == "$" else "^"
        case Row():
            return "".join(_grouped(one, end, Choice) for one in part.parts)
        case Choice():
            return "|".join(_grouped(one, end, Choice) for one in part.parts)
        case Repeat():
            most = "" if part.most is None else str(part.most)
            return f"{_grouped(part.part, end, object)}{{{part.least},{most}}}"


def _grouped(part: Part, end: str, kind: type) -> str:
    text = _written(part, end)
    bare = isinstance(part, Signs) or not isinstance(part, kind)
    return text if bare else f"(?:{text})"


def _set_written(signs: Signs) -> str:
    if not signs.ranges:
        return "."
    if len(signs.ranges) == 1 and not signs.negated and len(set(signs.ranges[0])) == 1:
        return _quoted(signs.ranges[0][0])
    ranges = "".join(
        _quoted(low) if low == high else f"{_quoted(low)}-{_quoted(high)}"
        for low, high in signs.ranges
    )
    return f"[{'^' if signs.negated else ''}{ranges}]"


_quoted: Callable[[str], str] = lru_cache(maxsize=256)(
    lambda sign: sign if sign.isalnum() or not sign.isascii() or sign.isspace() else f"\\{sign}"
)
