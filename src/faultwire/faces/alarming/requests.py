"""What is alike in the calls of this face: bodies, parameters, whose project is meant."""

from collections.abc import Collection, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request

from faultwire.domain.accounts import Caller
from faultwire.domain.alarms import DeliveryState
from faultwire.domain.errors import Invalid, Unauthenticated
from faultwire.domain.ids import ProjectId
from faultwire.faces.alarming.fields import wrong
from faultwire.faces.http import parse_json, read_body

LARGEST_PAGE, PAGE = 1000, 100
PROJECT = {
    "all_projects": "true: of every project; administrators only.",
    "project_id": "Of this project instead of one's own; administrators only.",
}
DELIVERIES = {
    **PROJECT,
    "state": "One of pending, delivered, dead, refused.",
    "limit": f"Rows of a page, 1 to {LARGEST_PAGE}; {PAGE} where it is left out.",
    "marker": "The id of the last delivery of the page before.",
}
SECRETS = {"project_id": PROJECT["project_id"]}

_JSON = ("application/json", "text/javascript", "application/javascript")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_TRUTHS = {"true": True, "1": True, "": True, "false": False, "0": False}


async def body_of(request: Request, limit: int, name: str = "data") -> object:
    """Return the decoded body of at most `limit` bytes; `name` is what Aodh calls it.

    Raises TooLarge, HTTPException 415 for what is no JSON by its own account, and Invalid in
    Aodh's words for what is none in fact, or nothing at all.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in (*_JSON, *_FORMS) and not kind.endswith("+json"):
        raise HTTPException(415, f"Unknown mimetype: {kind[:100]}")
    raw = await read_body(request, limit)
    if not raw or kind in _FORMS:
        raise Invalid("", f'Missing argument: "{name}"')
    try:
        return parse_json(raw)
    except Invalid:
        raise Invalid("", "Request is not in valid JSON format") from None


def only(request: Request, known: Collection[str] = ()) -> Mapping[str, str]:
    """Return the query; raises Invalid naming a parameter that is not known here."""
    for key, value in request.query_params.multi_items():
        if key not in known:
            raise Invalid("", f"Unknown argument: {key[:100]}")
        if "\x00" in value:
            raise wrong(key, value.replace("\x00", "?"), "It holds a NUL character.")
    return request.query_params


def limit_of(text: str | None) -> int | None:
    """Return how many are asked for, None for all, as Aodh takes it; raises Invalid."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise wrong("limit", text, "it should be a positive integer.")
    return int(text) or None


def page_of(text: str | None) -> int:
    """Return the size of a page; raises Invalid."""
    found = limit_of(text) if text is not None else PAGE
    if found is None or found > LARGEST_PAGE:
        raise wrong("limit", text, f"it should be from 1 to {LARGEST_PAGE}.")
    return found


def delivery_state(text: str | None) -> DeliveryState | None:
    """Return the state of deliveries that is asked for; raises Invalid."""
    if text is None:
        return None
    try:
        return DeliveryState(text)
    except ValueError:
        known = ", ".join(state.value for state in DeliveryState)
        raise wrong("state", text, f"Value should be one of: {known}") from None


def all_projects(query: Mapping[str, str]) -> bool:
    """Return whether every project is meant; raises Invalid for what is no truth."""
    text = query.get("all_projects", "false")
    found = _TRUTHS.get(text.lower())
    if found is None:
        raise wrong("all_projects", text, "It must be true or false.")
    return found


def project_of(query: Mapping[str, str], caller: Caller) -> ProjectId:
    """Return the project that is meant; a foreign one is 401 for who is no administrator."""
    return own_project(caller, query.get("project_id", caller.project))


def own_project(caller: Caller, project: str) -> ProjectId:
    """Return the project, if the caller may name it; Unauthenticated as in Aodh otherwise."""
    if project != caller.project and not caller.admin:
        raise foreign(project)
    return ProjectId(project)


def foreign(project: str) -> Unauthenticated:
    """Return Aodh's answer to who names another's project."""
    return Unauthenticated(f"Not Authorized to access project {project[:100]}")
