"""The mapping of alerts to faults: rows of label matchers, the first that fits wins.

Pure; whoever reads the file has checked it before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from faultwire.domain.fault_types import FaultType, Severity

LONGEST = 255
"""Characters of a name that comes out of a label."""

PLACE = re.compile(r"\{(\w+)(\|host)?\}")
"""A place for a label's value; ``|host`` takes the host out of HOST:PORT."""

_OPERATORS = ("=~", "!~", "!=", "=")
_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, with Alertmanager's operators; a label that is absent is empty."""

    label: str
    negated: bool
    text: str
    pattern: re.Pattern[str] | None = None

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Return whether the labels fulfil it; patterns fit the whole value."""
        value = labels.get(self.label, "")
        found = value == self.text if self.pattern is None else bool(self.pattern.fullmatch(value))
        return found is not self.negated


def matcher(text: str) -> Matcher:
    """Read ``label="value"`` and the like; raises ValueError saying what is wrong."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"must be LABEL, one of {' '.join(_OPERATORS)}, and a value: {text[:80]}")
    label, operator, value = found.groups()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    pattern = None
    if "~" in operator:
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
    return Matcher(label, operator.startswith("!"), value, pattern)


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row; `type` None: what fits is ignored on purpose. `resource` has templates."""

    matchers: tuple[Matcher, ...]
    type: FaultType | None
    resource: tuple[tuple[str, str], ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What an alert means: a fault of a type on a resource; `type` None: nothing, on purpose."""

    type: FaultType | None
    resource: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertMap:
    """The rows, in order."""

    rows: Sequence[MapRow] = ()

    def meaning(self, labels: Mapping[str, str]) -> Mapped | str:
        """Return what labels mean, or why they mean nothing."""
        for number, row in enumerate(self.rows, 1):
            if all(one.fits(labels) for one in row.matchers):
                return _meaning(row, number, labels)
        return "no row of the mapping fits its labels"


def _meaning(row: MapRow, number: int, labels: Mapping[str, str]) -> Mapped | str:
    if row.type is None:
        return Mapped(None, {})
    resource = {}
    for detail, template in row.resource:
        value = PLACE.sub(lambda place: _value(place, labels), template).strip()
        if not value:
            missing = ", ".join(name for name, _ in PLACE.findall(template))
            return f"row {number} fits, and its labels name no {detail} (label {missing})"
        if len(value) > LONGEST or not value.isprintable():
            return f"row {number} fits, and {detail} would be no name"
        resource[detail] = value
    kind = row.type if row.severity is None else replace(row.type, severity=row.severity)
    return Mapped(kind, resource)


def _value(place: re.Match[str], labels: Mapping[str, str]) -> str:
    value = labels.get(place[1], "")
    return _host(value) if place[2] else value


def _host(value: str) -> str:
    """Return the host of HOST, HOST:PORT or [HOST]:PORT."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.rpartition(":")[0] if value.count(":") == 1 else value
