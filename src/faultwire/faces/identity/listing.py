"""Lists: filters as queries, pages by limit and marker, links."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from faultwire.domain.errors import Invalid
from faultwire.faces.http import json_response
from faultwire.faces.identity.ports import ports_of, v3_of
from faultwire.identity.signin import DOMAIN_ID

T = TypeVar("T")

TRUE = frozenset({"", "1", "t", "true", "y", "yes", "on"})


def flag(request: Request, name: str) -> bool | None:
    """Return a switch of the query, as Keystone reads it; None where it is not given."""
    value = request.query_params.get(name)
    return None if value is None else value.lower() in TRUE


def our_domain(request: Request) -> bool:
    """Return whether the query asks for the one domain or for none."""
    return request.query_params.get("domain_id", DOMAIN_ID) in {"", DOMAIN_ID}


def _limit(request: Request) -> int:
    most = ports_of(request).page_limit
    text = request.query_params.get("limit")
    if text is None:
        return most
    if not text.isdecimal() or int(text[:9]) == 0:
        raise Invalid("limit", "must be a whole number above zero")
    return min(most, int(text[:9]))


def page(
    request: Request,
    key: str,
    things: Iterable[T],
    show: Callable[[T], Mapping[str, object]],
    id_of: Callable[[T], str],
) -> Response:
    """Return one page of things; the next one is in `links.next` and in the header Link.

    A marker is the id of the last thing of the page before. Raises Invalid for one that is not
    in the list, or for a limit that is no number above zero.
    """
    limit = _limit(request)
    rest = iter(things)
    marker = request.query_params.get("marker")
    if marker and not any(id_of(thing) == marker for thing in rest):
        raise Invalid("marker", f"{marker[:255]} is not in this list")
    shown = list(islice(rest, limit))
    more = len(shown) == limit and next(rest, None) is not None
    here = v3_of(request) + request.scope["path"].partition("/v3")[2]
    next_link = _next(request, here, id_of(shown[-1]), limit) if more else None
    links = {"self": here, "previous": None, "next": next_link}
    body = {key: [show(thing) for thing in shown], "links": links}
    headers = {"Link": f'<{next_link}>; rel="next"'} if next_link else None
    return json_response(body, 200, headers)


def _next(request: Request, here: str, marker: str, limit: int) -> str:
    query = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"marker", "limit"}
    ]
    return f"{here}?{urlencode([*query, ('limit', limit), ('marker', marker)])}"
