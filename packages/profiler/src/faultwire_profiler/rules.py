"""Rules: which lines of which logs are which checkpoint, from a YAML file.

A mistake in the file is a RuleError that names the file, the line and the rule.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from faultwire_profiler.checkpoints import BY_KEY
from faultwire_profiler.literals import literal_of
from faultwire_profiler.times import Read, reader, zone

SHIPPED = ("faultwire", "nova", "neutron", "aodh")
"""The names of the rules that come with the profiler, one file each."""

STEPS = ("sent", "received", "answered", "returned")
"""What a line may tell of a request between two machines; see `Exchange`."""

_LOG_KEYS = ("name", "files", "time", "format", "zone", "year", "host", "points", "exchanges")
_RULE_KEYS = ("name", "match", "point", "contains", "upper_bound")
_EXCHANGE_KEYS = ("name", "match", "step", "contains")
_GROUPS = frozenset({"point", "fault", "host", "count", "first", "last", "id", "servers", "ms"})


class RuleError(ValueError):
    """A rules file is wrong; the text names file, line and rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named regular expression, on bytes, for one line.

    `point` is a checkpoint, or `step` one of `STEPS`; where both are empty, the group ``point``
    says which checkpoint. `literal` is text that every line it
    matches contains; empty where there is none.
    """

    name: str
    match: re.Pattern[bytes]
    literal: bytes
    point: str = ""
    step: str = ""
    upper_bound: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """How one kind of log is written; `time` finds the time of a line in its group ``time``.

    `files` are patterns of file names, all where empty. `host` is the machine that wrote it, by
    whose clock its times are; empty where it is not known.
    """

    name: str
    files: tuple[str, ...]
    time: re.Pattern[bytes]
    read: Read
    host: str
    rules: tuple[Rule, ...]

    def takes(self, file_name: str) -> bool:
        """Whether a file of that name may be such a log."""
        return not self.files or any(fnmatch.fnmatch(file_name, one) for one in self.files)


def read_rules(text: str, name: str, zone_name: str = "UTC") -> tuple[Log, ...]:
    """Read a rules file; RuleError for what is wrong in it. `name` is what errors call it.

    `zone_name` is the time zone of logs for which the file names none.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError(f"{name}, line {line}: no YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise RuleError(f"{name}: no YAML: {error}") from None
    return tuple(_log(one, zone_name) for one in _items(_Place(name, root, "the file"), "logs"))


def shipped(zone_name: str = "UTC") -> tuple[Log, ...]:
    """Return the rules that come with the profiler: our own logs, Nova's, Neutron's, Aodh's."""
    folder = resources.files("faultwire_profiler").joinpath("shipped")
    found: list[Log] = []
    for name in SHIPPED:
        text = folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        found += read_rules(text, f"{name}.yaml", zone_name)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Place:
    """A node of the document, and what to call it."""

    file: str
    node: yaml.Node | None
    rule: str

    def wrong(self, why: str) -> RuleError:
        line = self.node.start_mark.line + 1 if self.node is not None else 1
        return RuleError(f"{self.file}, line {line}: {self.rule}: {why}")

    def fields(self, allowed: tuple[str, ...]) -> dict[str, "_Place"]:
        """Return a mapping's values by key; RuleError for anything else or an unknown key."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"must be a mapping with {', '.join(allowed)}")
        found: dict[str, _Place] = {}
        for key, value in self.node.value:
            where = _Place(self.file, key, self.rule)
            if not isinstance(key, yaml.ScalarNode) or key.value not in allowed:
                said = getattr(key, "value", "a key")
                raise where.wrong(f"{said!r} is not one of {', '.join(allowed)}")
            if key.value in found:
                raise where.wrong(f"{key.value!r} stands twice")
            found[key.value] = _Place(self.file, value, self.rule)
        return found

    def text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("must be text")
        return str(self.node.value)

    def within(self, rule: str) -> "_Place":
        return _Place(self.file, self.node, rule)


def _items(parent: _Place, key: str) -> Iterator[_Place]:
    found = parent.fields((key,)).get(key)
    if found is None:
        raise parent.wrong(f"{key!r} is missing")
    yield from _listed(found)


def _listed(parent: _Place) -> Iterator[_Place]:
    if not isinstance(parent.node, yaml.SequenceNode):
        raise parent.wrong("must be a list")
    for node in parent.node.value:
        yield _Place(parent.file, node, parent.rule)


def _log(place: _Place, zone_name: str) -> Log:
    fields = place.fields(_LOG_KEYS)
    for key in ("name", "time", "format"):
        if key not in fields:
            raise place.wrong(f"{key!r} of the log is missing")
    name = fields["name"].text()
    fields = {key: one.within(f"log {name}") for key, one in fields.items()}
    place = place.within(f"log {name}")
    match, _ = _expression(fields["time"])
    if "time" not in match.groupindex:
        raise fields["time"].wrong("the expression has no group (?P<time>...)")
    points = [_rule(one, name) for one in _listed(fields["points"])] if "points" in fields else []
    steps = _listed(fields["exchanges"]) if "exchanges" in fields else ()
    rules = (*points, *(_exchange(one, name) for one in steps))
    if not rules:
        raise place.wrong("there is no rule under 'points' or 'exchanges'")
    return Log(
        name,
        tuple(one.text() for one in _listed(fields["files"])) if "files" in fields else (),
        match,
        _reader(fields, zone_name),
        fields["host"].text() if "host" in fields else "",
        rules,
    )


def _reader(fields: Mapping[str, _Place], zone_name: str) -> Read:
    where, year = fields.get("zone"), fields.get("year")
    try:
        wanted = zone(where.text() if where else zone_name)
    except ValueError as error:
        raise (where or fields["format"]).wrong(str(error)) from None
    if year is not None and not re.fullmatch(r"\d{4}", year.text()):
        raise year.wrong("the year must have four digits")
    try:
        return reader(fields["format"].text(), wanted, int(year.text()) if year else None)
    except ValueError as error:
        raise fields["format"].wrong(str(error)) from None


def _named(place: _Place, log: str, keys: tuple[str, ...]) -> dict[str, _Place]:
    """Return the fields of a rule, which are called by its name."""
    fields = place.fields(keys)
    if "name" not in fields:
        raise place.wrong("a rule has no 'name'")
    called = f"{log}: rule {fields['name'].text()}"
    if "match" not in fields:
        raise place.within(called).wrong("'match' is missing")
    return {key: one.within(called) for key, one in fields.items()}


def _rule(place: _Place, log: str) -> Rule:
    fields = _named(place, log, _RULE_KEYS)
    match, literal = _expression(fields["match"])
    point = fields["point"].text() if "point" in fields else ""
    if not point and "point" not in match.groupindex:
        raise fields["name"].wrong("'point' is missing, and there is no group (?P<point>...)")
    if point and point not in BY_KEY:
        raise fields["point"].wrong(f"{point!r} is no checkpoint: T00 to T10")
    bound = fields["upper_bound"].text() if "upper_bound" in fields else "false"
    if bound not in {"true", "false"}:
        raise fields["upper_bound"].wrong("must be true or false")
    literal = _contained(fields, literal)
    return Rule(fields["name"].text(), match, literal, point, upper_bound=bound == "true")


def _exchange(place: _Place, log: str) -> Rule:
    fields = _named(place, log, _EXCHANGE_KEYS)
    match, literal = _expression(fields["match"])
    step = fields["step"].text() if "step" in fields else ""
    if step not in STEPS:
        where = fields.get("step", fields["name"])
        raise where.wrong(f"the step {step!r} is not one of {', '.join(STEPS)}")
    if "id" not in match.groupindex:
        raise fields["match"].wrong("an exchange needs a group (?P<id>...)")
    return Rule(fields["name"].text(), match, _contained(fields, literal), step=step)


def _contained(fields: Mapping[str, _Place], literal: bytes) -> bytes:
    """Return the text that the rule itself names, which may be a rarer one than the longest."""
    return fields["contains"].text().encode() if "contains" in fields else literal


def _expression(place: _Place) -> tuple[re.Pattern[bytes], bytes]:
    text = place.text()
    try:
        match = re.compile(text.encode())
    except (re.error, OverflowError, RecursionError) as error:
        raise place.wrong(f"{text!r} is no regular expression: {error}") from None
    strange = sorted(set(match.groupindex) - _GROUPS - {"time"})
    if strange:
        known = ", ".join(sorted(_GROUPS))
        raise place.wrong(f"the group {strange[0]!r} means nothing here: {known}")
    return match, literal_of(text).encode()


def groups(found: re.Match[bytes]) -> dict[str, Any]:
    """Return the named groups of a match that took part, as text."""
    return {
        key: value.decode("utf-8", "replace")
        for key, value in found.groupdict().items()
        if value is not None
    }
