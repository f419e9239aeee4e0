"""Bodies and queries against JSON schemas, refused in Nova's words.

A schema here is a small part of JSON Schema: `type` (one or a list), `enum`, `pattern`,
`format` (of `FORMATS`), `minLength`, `maxLength`, `minimum`, `maximum`, `properties`,
`required`, `additionalProperties` (only false), `minProperties`, `maxProperties`, `items`,
`minItems`, `maxItems`, `anyOf`. The same schema is on the OpenAPI page.
"""

import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from faultwire.domain.errors import Invalid

Schema = Mapping[str, Any]

SHOWN = 200
"""Characters of a wrong value that an answer repeats."""

TRUE = frozenset({True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"})
BOOLEAN: Schema = {
    "type": ["boolean", "string"],
    "enum": [
        True,
        *sorted(one for one in TRUE if isinstance(one, str)),
        False,
        *("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"),
    ],
}
"""A truth, or one of the texts that stand for one; the number 1 is none."""


def truth(value: object) -> bool:
    """Return what a value of `BOOLEAN` says."""
    return value is True or (isinstance(value, str) and value in TRUE)


def check_body(value: object, schema: Schema) -> None:
    """Raise Invalid for the first thing wrong with a body, the outermost first."""
    _raise(value, schema, "field/attribute")


def check_query(value: Mapping[str, object], schema: Schema) -> None:
    """Raise Invalid for the first thing wrong with the parameters of a query."""
    _raise(value, schema, "query parameters")


def _raise(value: object, schema: Schema, what: str) -> None:
    wrong = min(_wrong(value, schema, ()), key=lambda found: len(found[0]), default=None)
    if wrong is None:
        return
    path, at, reason = wrong
    if not path:
        raise Invalid("", reason)
    name, shown = str(path[-1])[:SHOWN], _shown(at)
    raise Invalid("", f"Invalid input for {what} {name}. Value: {shown}. {reason}")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


FORMATS: Mapping[str, Callable[[str], object]] = {
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "uuid": uuid.UUID,
}
"""What reads a text of each format, or raises ValueError."""

_Path = tuple[str | int, ...]
_Wrong = tuple[_Path, object, str]

_IS: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def _wrong(value: object, schema: Schema, path: _Path) -> Iterator[_Wrong]:
    """Give what is wrong, of each object what concerns itself before what is in it."""
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_IS[kind](value) for kind in kinds):
        named = ", ".join(map(repr, kinds))
        yield path, value, f"{_quoted(value)} is not of type {named}"
        return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield path, value, f"{_quoted(value)} is not one of {schema['enum']!r}"
    if "anyOf" in schema and all(any(_wrong(value, one, ())) for one in schema["anyOf"]):
        yield path, value, f"{_quoted(value)} is not valid under any of the given schemas"
    if isinstance(value, str):
        yield from ((path, value, reason) for reason in _text(value, schema))
    elif isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _array(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from ((path, value, reason) for reason in _number(value, schema))


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _text(value: str, schema: Schema) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{_quoted(value)} should be non-empty" if not value else f"{value!r} is too short"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{_quoted(value)} is too long"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{_quoted(value)} does not match {schema['pattern']!r}"
    if "format" in schema and not _has_form(value, schema["format"]):
        yield f"{_quoted(value)} is not a {schema['format']!r}"


def _has_form(value: str, name: str) -> bool:
    try:
        FORMATS[name](value)
    except ValueError:
        return False
    return True


def _number(value: float, schema: Schema) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{value!r} is less than the minimum of {schema['minimum']!r}"
    if value > schema.get("maximum", value):
        yield f"{value!r} is greater than the maximum of {schema['maximum']!r}"


def _object(value: Mapping[str, object], schema: Schema, path: _Path) -> Iterator[_Wrong]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    extra = [name for name in value if name not in known]
    if extra and schema.get("additionalProperties") is False:
        verb = "was" if len(extra) == 1 else "were"
        named = ", ".join(_quoted(name) for name in sorted(extra)[:10])
        yield path, value, f"Additional properties are not allowed ({named} {verb} unexpected)"
    for name in schema.get("required", ()):
        if name not in value:
            yield path, value, f"{name!r} is a required property"
    if len(value) < schema.get("minProperties", 0):
        text = "should be non-empty" if not value else "does not have enough properties"
        yield path, value, f"{_quoted(value)} {text}"
    if len(value) > schema.get("maxProperties", len(value)):
        yield path, value, f"{_quoted(value)} has too many properties"
    for name, item in value.items():
        if name in known:
            yield from _wrong(item, known[name], (*path, name))


def _array(value: list[object], schema: Schema, path: _Path) -> Iterator[_Wrong]:
    if len(value) < schema.get("minItems", 0):
        yield path, value, f"{_quoted(value)} is too short"
    if len(value) > schema.get("maxItems", len(value)):
        yield path, value, f"{_quoted(value)} is too long"
    if "items" in schema:
        for number, item in enumerate(value):
            yield from _wrong(item, schema["items"], (*path, number))
