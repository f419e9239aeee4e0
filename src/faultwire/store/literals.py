"""Values as they stand in a statement for MariaDB, whole columns at once.

The driver writes values one by one, through several calls each and letter by letter; that took
as long as all else that a commit of a thousand rows takes here. It asks its connection for the
text of each value that it is given, so what stands for many rows is one value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Escape = Callable[[Any], str]
"""Returns a value as it stands in a statement; `quote` does so for texts alone, and is fast."""


def quoted(text: str) -> str:
    """Return a text with no more escaped than a server needs that knows backslashes."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as ``(1, 'a'), (2, 'b')``; one at least, all as long."""

    rows: Sequence[Sequence[Any]]

    def said(self, escape: Escape, quote: Escape) -> str:
        """Return the text."""
        columns = [_column(column, escape, quote) for column in zip(*self.rows, strict=True)]
        return "(" + "), (".join(map(", ".join, zip(*columns, strict=True))) + ")"


@dataclass(frozen=True, slots=True)
class Listed:
    """Values as ``1, 2``; one at least."""

    values: Sequence[Any]

    def said(self, escape: Escape, quote: Escape) -> str:
        """Return the text."""
        return ", ".join(_each(self.values, escape, quote))


@dataclass(frozen=True, slots=True)
class Whens:
    """What a row gets, by its key, as ``WHEN 'a' THEN 1 WHEN 'b' THEN 2``; one at least."""

    keys: Sequence[Any]
    values: Sequence[Any]

    def said(self, escape: Escape, quote: Escape) -> str:
        """Return the text."""
        keys, values = _each(self.keys, escape, quote), _each(self.values, escape, quote)
        return "WHEN " + " WHEN ".join(map(" THEN ".join, zip(keys, values, strict=True)))


Many = Rows | Listed | Whens


def _column(values: Sequence[Any], escape: Escape, quote: Escape) -> Sequence[str]:
    """Return the texts of a column; one that is the same in all rows is made once."""
    if values.count(values[0]) == len(values):
        return [escape(values[0])] * len(values)
    return _each(values, escape, quote)


def _each(values: Sequence[Any], escape: Escape, quote: Escape) -> Sequence[str]:
    return list(map(quote if {*map(type, values)} == {str} else escape, values))
