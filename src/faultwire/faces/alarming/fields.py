"""Values of a body, each read by its kind or refused in Aodh's words; pure."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from faultwire.domain.errors import Invalid

Body = Mapping[str, Any]

NAME_LIMIT, TEXT_LIMIT = 255, 1024
MANDATORY = "Mandatory field missing."

_SHOWN = 100
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DIGITS = 40


def wrong(name: str, value: object, reason: str) -> Invalid:
    """Return Aodh's sentence on a value; of lists and objects only the kind is shown."""
    if isinstance(value, list | dict):
        value = "[...]" if isinstance(value, list) else "{...}"
    shown = shortened(str(value) if not isinstance(value, int) else _digits(value))
    return Invalid("", f"Invalid input for field/attribute {name}. Value: '{shown}'. {reason}")


def shortened(text: str) -> str:
    """Return the beginning of what a caller wrote: enough to know it again."""
    return text[:_SHOWN]


def _digits(value: int) -> str:
    # Python refuses to write very long numbers.
    return str(value) if value.bit_length() < 1000 else "..."


def only(value: Iterable[str], keys: Collection[str], path: str) -> None:
    """Raise for the first key that is unknown below `path`."""
    for key in value:
        if key not in keys:
            raise unknown(f"data.{path}", key)


def unknown(argument: str, key: str) -> Invalid:
    """Return Aodh's sentence on an attribute that it does not know."""
    return Invalid("", f"Unknown attribute for argument {argument}: {shortened(key)}")


def clean(text: str, name: str) -> str:
    """Return the text unless it holds what no database keeps as text."""
    if "\x00" in text:
        raise wrong(name, text.replace("\x00", "?"), "It holds a NUL character.")
    return text


def text(value: object, name: str, default: str | None) -> str | None:
    """Return text, or the default for null."""
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise wrong(name, value, f"It must be text of at most {TEXT_LIMIT} characters.")
    return clean(value, name)


def needed(value: object, name: str, limit: int = NAME_LIMIT) -> str:
    """Return text of 1 to `limit` characters."""
    if value is None or value == "":
        raise wrong(name, value, MANDATORY)
    if not isinstance(value, str) or len(value) > limit:
        raise wrong(name, value, f"It must be text of at most {limit} characters.")
    return clean(value, name)


def boolean(value: object, name: str, *, default: bool) -> bool:
    """Return a truth; its words are taken as well."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise wrong(name, value, "It must be true or false.")


def choice(value: object, name: str, known: Collection[str], default: str) -> str:
    """Return one of the known words, or the default for null."""
    if value is None:
        return default
    if not isinstance(value, str) or value not in known:
        raise wrong(name, value, f"Value should be one of: {', '.join(known)}")
    return value


def number(value: object, name: str) -> float:
    """Return a finite number; its text is taken as well, as Aodh does."""
    if value is None:
        raise wrong(name, value, MANDATORY)
    refused = wrong(name, value, "It must be a finite number.")
    if isinstance(value, str) and len(value) <= _DIGITS and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused
    try:
        found = float(value)
    except OverflowError:
        raise refused from None
    if not math.isfinite(found):
        raise refused
    return found


def whole(value: object, name: str, most: int, *, least: int = 1, default: int | None) -> int:
    """Return a whole number from `least` to `most`; null is the default, or missing."""
    if value is None:
        if default is None:
            raise wrong(name, value, MANDATORY)
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise wrong(name, value, f"It must be a whole number from {least} to {most}.")
    return value


def table(value: object, name: str) -> Body:
    """Return an object."""
    if not isinstance(value, dict):
        raise wrong(name, value, "It must be an object.")
    return value


def items(value: object, name: str, most: int) -> list[Any]:
    """Return a list of at most `most` items; null is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(name, value, "It must be a list.")
    if len(value) > most:
        raise wrong(name, f"{len(value)} items", f"At most {most}.")
    return value
