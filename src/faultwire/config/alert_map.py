"""Reads the mapping of alerts from YAML; what is wrong is told by line and field."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from faultwire.domain.alertmaps import PLACE, AlertMap, MapRow, Matcher, matcher
from faultwire.domain.errors import Invalid
from faultwire.domain.faults import FAULT_TYPES, FaultType, Severity

MOST_BYTES = 1 << 20
MOST_ROWS = 1000
_KEYS = ("matchers", "type", "host", "resource", "severity", "ignore")


def read(path: Path) -> AlertMap:
    """Return the mapping in a file; raises Invalid naming file, line and field."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(str(path), error.strerror or str(error)) from None
    return parse(raw, str(path))


def parse(raw: bytes, name: str) -> AlertMap:
    """Return the mapping that a text holds; `name` is how errors call it."""
    if len(raw) > MOST_BYTES:
        raise Invalid(name, f"has {len(raw)} bytes, at most {MOST_BYTES}")
    try:
        root = yaml.compose(raw.decode(), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise Invalid(name, "is no UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        problem = getattr(error, "problem", None) or "is no YAML"
        raise Invalid(where, str(problem)) from None
    if root is None:
        raise Invalid(name, "is empty: it must have `alerts`, a list")
    return _Reader(name).map(root)


class _Reader:
    """Walks the nodes, which know their lines."""

    def __init__(self, name: str) -> None:
        self._name = name

    def map(self, root: Any) -> AlertMap:
        fields = self._fields(root, "", ("alerts",))
        if "alerts" not in fields:
            self._wrong(root, "alerts", "is mandatory")
        rows = list(self._items(fields["alerts"], "alerts"))
        if len(rows) > MOST_ROWS:
            self._wrong(root, "alerts", f"has {len(rows)} rows, at most {MOST_ROWS}")
        return AlertMap(tuple(self._row(one, f"alerts[{n}]") for n, one in enumerate(rows)))

    def _row(self, node: Any, at: str) -> MapRow:
        fields = self._fields(node, at, _KEYS)
        if "matchers" not in fields:
            self._wrong(node, f"{at}.matchers", "is mandatory")
        found = tuple(self._matchers(fields["matchers"], f"{at}.matchers"))
        if "ignore" in fields:
            if self._text(fields["ignore"], f"{at}.ignore").lower() not in {"true", "yes"}:
                self._wrong(fields["ignore"], f"{at}.ignore", "is true, or is left out")
            for key in ("type", "host", "resource", "severity"):
                if key in fields:
                    self._wrong(fields[key], f"{at}.{key}", "says nothing where `ignore` is true")
            return MapRow(found, None)
        if "type" not in fields:
            self._wrong(node, f"{at}.type", "is mandatory")
        kind = self._kind(fields["type"], f"{at}.type")
        severity = None
        if "severity" in fields:
            severity = self._severity(fields["severity"], f"{at}.severity")
        return MapRow(found, kind, self._resource(node, fields, kind, at), severity)

    def _kind(self, node: Any, at: str) -> FaultType:
        named = self._text(node, at)
        if named not in FAULT_TYPES:
            self._wrong(node, at, f"no type of the fault catalogue: {named}")
        return FAULT_TYPES[named]

    def _resource(
        self, node: Any, fields: Mapping[str, Any], kind: FaultType, at: str
    ) -> tuple[tuple[str, str], ...]:
        given: dict[str, str] = {}
        if "resource" in fields:
            names = sorted({key for keys in kind.identifying for key in keys})
            inner = self._fields(fields["resource"], f"{at}.resource", names)
            for key, one in inner.items():
                given[key] = self._template(one, f"{at}.resource.{key}")
        if "host" in fields:
            if "hostname" in given:
                self._wrong(fields["host"], f"{at}.host", "is resource.hostname: give one of them")
            given["hostname"] = self._template(fields["host"], f"{at}.host")
        for keys in kind.identifying:
            if set(given) == set(keys):
                return tuple((key, given[key]) for key in keys)
        ways = ", or ".join(" and ".join(keys) for keys in kind.identifying)
        self._wrong(node, f"{at}.resource", f"{kind.name} is identified by {ways}")
        raise AssertionError

    def _matchers(self, node: Any, at: str) -> Iterator[Matcher]:
        empty = True
        for number, one in enumerate(self._items(node, at)):
            empty = False
            place = f"{at}[{number}]"
            text = self._text(one, place)
            try:
                yield matcher(text)
            except ValueError as error:
                self._wrong(one, place, str(error))
        if empty:
            self._wrong(node, at, "must hold at least one")

    def _template(self, node: Any, at: str) -> str:
        text = self._text(node, at)
        if "{" in PLACE.sub("", text) or "}" in PLACE.sub("", text):
            self._wrong(node, at, "has a place that is none: {label} or {label|host}")
        return text

    def _severity(self, node: Any, at: str) -> Severity:
        choices = [one.value for one in Severity if one is not Severity.CLEARED]
        text = self._text(node, at)
        if text not in choices:
            self._wrong(node, at, f"is one of {', '.join(choices)}")
        return Severity(text)

    # ------------------------------------------------------------ nodes

    def _fields(self, node: Any, at: str, keys: Any) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, at, "must be a mapping")
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            place = f"{at}.{name}" if at else name
            if name not in keys:
                self._wrong(key, place, f"no such field; there are {', '.join(keys)}")
            if name in found:
                self._wrong(key, place, "stands here twice")
            found[name] = value
        return found

    def _items(self, node: Any, at: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, at, "must be a list")
        items: list[Any] = node.value
        return items

    def _text(self, node: Any, at: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._wrong(node, at, "must be text")
        return str(node.value)

    def _wrong(self, node: Any, at: str, reason: str) -> None:
        line = node.start_mark.line + 1
        raise Invalid(f"{self._name}:{line}: {at}" if at else f"{self._name}:{line}", reason)
