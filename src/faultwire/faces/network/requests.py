"""What is alike in the calls of this face: bodies, revisions, fields, filters, pages."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from faultwire.domain.errors import Invalid, NotFound
from faultwire.faces.http import base_url, parse_json, read_body

Document = dict[str, Any]

_IF_MATCH = re.compile(r"revision_number=(\d{1,18})\Z")
_PAGES = ("limit", "marker", "page_reverse", "sort_key", "sort_dir", "fields")
_TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "t": True, "y": True} | {
    "false": False,
    "0": False,
    "no": False,
    "off": False,
    "f": False,
    "n": False,
}
LISTED = {
    "fields": "Only this field; may be repeated.",
    "sort_key": "Sort by this field; may be repeated.",
    "sort_dir": "asc or desc, one for each sort_key.",
    "limit": "At most so many; links to the pages beside it come with it.",
    "marker": "The id of the last row of the page before.",
    "page_reverse": "true: the page before the marker.",
}
"""Parameters that every list knows."""


async def body_of(request: Request, limit: int, *kinds: str) -> tuple[str, Any]:
    """Return the key of a body, one of `kinds`, and its value; a body is JSON, however labelled.

    Raises Invalid in Neutron's words (S94: the sample names no Content-Type).
    """
    raw = await read_body(request, limit)
    try:
        value = parse_json(raw)
    except Invalid:
        raise Invalid("", "Body contains invalid data") from None
    if not isinstance(value, dict):
        raise Invalid("", "Body contains invalid data")
    for kind in kinds:
        if kind in value:
            if len(value) > 1:
                others = ", ".join(sorted(set(value) - {kind}))[:200]
                raise Invalid("", f"Unrecognized attribute(s) '{others}'")
            return kind, value[kind]
    raise Invalid("", f"Unable to find '{kinds[0]}' in request body")


def object_of(value: Any, kind: str) -> Document:
    """Return a value that has to be an object; raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid("", f"Invalid input for {kind}. Reason: it is not an object.")
    return value


def revisions_of(request: Request) -> frozenset[int] | None:
    """Return the revisions that If-Match allows, None without it; raises Invalid."""
    said = request.headers.getlist("if-match")
    if not said:
        return None
    found = set()
    for text in ",".join(said).split(","):
        match = _IF_MATCH.match(text.strip())
        if match is None:
            raise Invalid("", "Invalid value for If-Match. Reason: not revision_number=NUMBER.")
        found.add(int(match[1]))
    return frozenset(found)


def truth(text: str, name: str) -> bool:
    """Return what a parameter says; raises Invalid."""
    found = _TRUTHS.get(text.lower())
    if found is None:
        raise Invalid("", f"Invalid input for {name}. Reason: '{text[:100]}' is not a boolean.")
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """How a list is sorted and cut."""

    keys: tuple[tuple[str, bool], ...]
    limit: int | None
    marker: str | None
    reverse: bool
    fields: frozenset[str]


def page_of(request: Request, sortable: Iterable[str]) -> Page:
    """Return the page that is asked for; raises Invalid."""
    query = request.query_params
    keys, dirs = query.getlist("sort_key"), query.getlist("sort_dir")
    known = frozenset(sortable)
    wrong = [key for key in keys if key not in known]
    if wrong:
        raise Invalid("", f"{[wrong[0][:100]]} is invalid attribute for sort_key")
    if dirs and len(dirs) != len(keys):
        raise Invalid("", "The number of sort_keys and sort_dirs must be same")
    if any(one not in {"asc", "desc"} for one in dirs):
        raise Invalid("", "The only allowed values for sort_dir are 'asc' and 'desc'")
    ascending = [one == "asc" for one in dirs] or [True] * len(keys)
    order = dict(zip(keys, ascending, strict=True))
    order.setdefault("id", True)
    return Page(
        tuple(order.items()),
        _limit(query.get("limit")),
        query.get("marker") or None,
        truth(query.get("page_reverse", "false"), "page_reverse"),
        frozenset(name for name in query.getlist("fields") if name),
    )


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Invalid("", f"Limit must be an integer 0 or greater and not '{text[:100]}'")
    return int(text) or None


def filters_of(request: Request, known: Iterable[str]) -> dict[str, list[str]]:
    """Return what a list is filtered by, values of one name as alternatives; raises Invalid."""
    names, found = frozenset(known), dict[str, list[str]]()
    for key, value in request.query_params.multi_items():
        if key in _PAGES:
            continue
        if key not in names:
            raise Invalid("", f"{[key[:100]]} is invalid attribute for filtering")
        if "\x00" in value:
            raise Invalid("", f"Invalid input for {key}. Reason: it holds a NUL character.")
        found.setdefault(key, []).append(value)
    return found


def cut(
    rows: Sequence[Any],
    page: Page,
    value: Callable[[Any, str], Any],
    missing: str,
) -> list[Any]:
    """Return the rows of a page; `value` gives a row's field, `missing` names the kind.

    Raises NotFound for a marker that no row has.
    """
    found = list(rows)
    for key, ascending in reversed(page.keys):
        found.sort(key=lambda row, key=key: _rank(value(row, key)), reverse=not ascending)  # type: ignore[misc]
    if page.marker is not None:
        places = (number for number, row in enumerate(found) if value(row, "id") == page.marker)
        place = next(places, None)
        if place is None:
            raise NotFound(f"{missing} {page.marker[:100]} could not be found.")
        found = found[:place] if page.reverse else found[place + 1 :]
    if page.limit is None:
        return found
    return found[-page.limit :] if page.reverse else found[: page.limit]


def _rank(value: Any) -> tuple[int, Any]:
    """Order what is missing before all else, whatever its kind."""
    if value is None:
        return 0, ""
    return (1, value) if isinstance(value, bool | int) else (2, str(value))


def links_of(request: Request, kind: str, page: Page, names: Sequence[str]) -> Document:
    """Return the links to the pages beside this one, as Neutron gives them."""
    if page.limit is None or not names:
        return {}
    full = len(names) >= page.limit
    links = []
    if full or page.reverse:
        links.append({"rel": "next", "href": _href(request, names[-1], reverse=False)})
    if full or not page.reverse:
        links.append({"rel": "previous", "href": _href(request, names[0], reverse=True)})
    return {f"{kind}_links": links}


def _href(request: Request, marker: str, *, reverse: bool) -> str:
    pairs = [
        (key, value)
        for key, value in request.query_params.multi_items()
        if key not in {"marker", "page_reverse"}
    ]
    pairs.append(("marker", marker))
    if reverse:
        pairs.append(("page_reverse", "True"))
    return f"{base_url(request)}{request.scope['path']}?{urlencode(pairs)}"


def chosen(document: Mapping[str, Any], fields: frozenset[str]) -> Document:
    """Return the fields that are asked for; all for none; unknown ones are no error."""
    if not fields:
        return dict(document)
    return {key: value for key, value in document.items() if key in fields}
