"""Aodh's complex query: a filter and an order, each JSON within a text; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from faultwire.domain.errors import Invalid
from faultwire.domain.ids import ProjectId
from faultwire.domain.queries import (
    NEWEST_FIRST,
    By,
    Compare,
    Every,
    Filter,
    Kind,
    Not,
    OneOf,
    Op,
    Some,
    Value,
    filters_of,
)
from faultwire.domain.regexes import MOST_AT_ONCE, regex
from faultwire.faces.alarming.fields import shortened, unknown, wrong
from faultwire.faces.alarming.requests import foreign
from faultwire.faces.alarming.simple import MOST, moment

DEEPEST, MOST_PARTS, MOST_VALUES, LONGEST = 16, 256, 1024, 1024
"""How deep a filter goes, its operators, the values of all its lists, characters of a value."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "filter": {
            "type": ["string", "null"],
            "description": 'JSON: {"=": {"name": "x"}}; = != < > <= =< >= => =~ in and or not.',
        },
        "orderby": {
            "type": ["string", "null"],
            "description": 'JSON: [{"timestamp": "desc"}, {"name": "asc"}].',
        },
        "limit": {"type": ["integer", "null"], "minimum": 1},
    },
}

_OPS: Mapping[str, Op] = {
    "=": Op.EQ,
    "!=": Op.NE,
    "<": Op.LT,
    "<=": Op.LE,
    "=<": Op.LE,
    ">": Op.GT,
    ">=": Op.GE,
    "=>": Op.GE,
    "=~": Op.LIKE,
}
_JOINS: Mapping[str, Callable[[tuple[Filter, ...]], Filter]] = {"and": Every, "or": Some}
_ALIASES: Mapping[str, str] = {"user": "user_id", "project": "project_id"}
_TRUTHS: Mapping[object, bool] = {"true": True, "false": False, 1: True, 0: False}
_ATTRIBUTES = ("filter", "orderby", "limit")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a body asks for."""

    where: Filter | None
    order: tuple[By, ...]
    limit: int | None


def wanted_of(body: object, fields: Mapping[str, Kind]) -> Wanted:
    """Return what is asked for over these fields; raises Invalid in Aodh's words."""
    if not isinstance(body, dict):
        raise wrong("body", body, "It must be an object.")
    for key in body:
        if key not in _ATTRIBUTES:
            raise unknown("body", key)
    where = body.get("filter")
    order = body.get("orderby")
    return Wanted(
        None if where is None else _Reader(fields).whole(_decoded(where, "filter", "Filter")),
        NEWEST_FIRST if order is None else _order(_decoded(order, "orderby", "Order-by"), fields),
        _limit(body.get("limit")),
    )


def check_project(where: Filter | None, field: str, project: ProjectId) -> None:
    """Raise Unauthenticated where a filter compares the field with another project."""
    for one in filters_of(where):
        if one.field == field:
            for value in one.values if isinstance(one, OneOf) else (one.value,):
                if value != project:
                    raise foreign(str(value))


def _refused(which: str, why: str) -> Invalid:
    return Invalid("", f"{which} expression not valid: {why}")


def _decoded(text: object, name: str, which: str) -> object:
    if not isinstance(text, str):
        raise wrong(name, text, "It must be text that holds JSON.")
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _refused(which, str(error)) from None
    return found


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("limit", value, "It must be a whole number.")
    if value <= 0:
        raise Invalid("", "Limit should be positive")
    return min(value, 2**31 - 1)


def _order(value: object, fields: Mapping[str, Kind]) -> tuple[By, ...]:
    if not isinstance(value, list) or len(value) > MOST:
        raise _refused("Order-by", f"a list of at most {MOST} objects")
    order: dict[str, By] = {}
    for item in value:
        if not isinstance(item, dict) or len(item) != 1:
            raise _refused("Order-by", "each item has one field and its direction")
        ((name, way),) = item.items()
        field: str = _ALIASES.get(name, name)
        if field not in fields:
            raise _refused("Order-by", f"no such field: {shortened(name)}")
        if not isinstance(way, str) or way.lower() not in {"asc", "desc"}:
            raise _refused("Order-by", f"the direction of {field} is asc or desc")
        order.setdefault(field, By(field, way.lower() == "desc"))
    return tuple(order.values()) or NEWEST_FIRST


class _Reader:
    """Reads one filter, and counts what it is made of."""

    def __init__(self, fields: Mapping[str, Kind]) -> None:
        self._fields = fields
        self._parts = 0
        self._values = 0
        self._likes = 0

    def whole(self, value: object) -> Filter:
        """Return the tree."""
        return self._part(value, 1)

    def _wrong(self, why: str) -> Invalid:
        return _refused("Filter", why)

    def _one(self, value: object, what: str) -> tuple[str, object]:
        if not isinstance(value, dict) or len(value) != 1:
            raise self._wrong(f"{what} is an object with one key")
        ((key, inner),) = value.items()
        return key, inner

    def _part(self, value: object, depth: int) -> Filter:
        self._parts += 1
        if depth > DEEPEST or self._parts > MOST_PARTS:
            raise self._wrong(f"at most {MOST_PARTS} operators, {DEEPEST} deep")
        key, inner = self._one(value, "an expression")
        name = key.lower()
        if name in _JOINS:
            if not isinstance(inner, list) or len(inner) < 2:
                raise self._wrong(f"{name} joins a list of at least two expressions")
            return _JOINS[name](tuple(self._part(item, depth + 1) for item in inner))
        if name == "not":
            return Not(self._part(inner, depth + 1))
        if name == "in":
            return self._one_of(inner)
        op = _OPS.get(name)
        if op is None:
            raise self._wrong(f"no such operator: {shortened(key)}")
        field, held = self._field(inner)
        return Compare(field, op, self._value(field, op, held))

    def _field(self, value: object) -> tuple[str, object]:
        name, held = self._one(value, "what is compared")
        field = _ALIASES.get(name, name)
        if field not in self._fields:
            raise self._wrong(f"no such field, or none that is searched: {shortened(name)}")
        return field, held

    def _one_of(self, value: object) -> OneOf:
        field, held = self._field(value)
        if not isinstance(held, list) or not held:
            raise self._wrong(f"in has a list of values for {field}")
        self._values += len(held)
        if self._values > MOST_VALUES:
            raise self._wrong(f"at most {MOST_VALUES} values")
        return OneOf(field, tuple(self._value(field, Op.EQ, item) for item in held))

    def _value(self, field: str, op: Op, value: object) -> Value:
        kind = self._fields[field]
        if kind is Kind.TRUTH:
            return self._truth(field, op, value)
        if kind is Kind.TIME:
            found = moment(value) if isinstance(value, str) else None
            if found is None:
                shown = shortened(str(value)) if isinstance(value, str) else "(no text)"
                raise Invalid("", f"Failed to parse the timestamp value {shown}")
            if op is Op.LIKE:
                raise self._wrong(f"{field} is a time: =~ is for texts")
            return found
        if not isinstance(value, str) or len(value) > LONGEST or "\x00" in value:
            raise self._wrong(f"{field} compares with text of at most {LONGEST} characters")
        if kind is Kind.NAME and op not in {Op.EQ, Op.NE}:
            raise self._wrong(f"{field} knows =, != and in alone")
        if op is Op.LIKE:
            self._likes += 1
            if self._likes > MOST_AT_ONCE:
                raise self._wrong(f"at most {MOST_AT_ONCE} times =~")
            try:
                regex(value)
            except Invalid as error:
                raise self._wrong(f"{field} =~: {error.reason}") from None
        return value

    def _truth(self, field: str, op: Op, value: object) -> bool:
        found = value.lower() if isinstance(value, str) else value
        known = isinstance(found, str | int) and found in _TRUTHS
        if not known or op not in {Op.EQ, Op.NE}:
            raise self._wrong(f"{field} is true or false, and knows =, != and in alone")
        return _TRUTHS[found]
