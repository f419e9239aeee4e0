"""The page of routes, made from what the applications themselves route."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount, Route, WebSocketRoute

from faultwire.faces.alarming import app as alarming
from faultwire.faces.compute import app as compute
from faultwire.faces.database import app as database
from faultwire.faces.fault import app as fault
from faultwire.faces.fault.posting import doctor_app
from faultwire.faces.identity import app as identity
from faultwire.faces.image import app as image
from faultwire.faces.network import app as network
from faultwire.policy.enforcer import RULES

_HEAD = """\
# Routes

Every path of every face, what it is for, which parameters it takes, and which rule of \
[policy](operating.md#policy) is asked. This page is made from the applications themselves; each \
also describes itself: `/identity/openapi.json`, `/fault/openapi.json`, `/alarming/openapi.json`, \
`/compute/openapi.json`, `/network/openapi.json`, `/image/openapi.json`, \
`/database/openapi.json`.

Errors have the shape of the API: 400 names the field, 401 wants a token, 403 names the rule. 503 \
with `Retry-After` means that nothing was changed and that the call may be repeated.
"""
_ROOT = """\
## The listener itself

| route | what |
|---|---|
| `GET /healthcheck` | 200 and `OK`, or 503 and what is wrong; no token |
| `GET /metrics` | [metrics](metrics.md) in Prometheus' format; no token |

Evaluators and senders serve these two where they have `--listen`.
"""
_FACES: Mapping[str, str] = {
    "/identity": "Identity",
    "/fault": "Faults",
    "/alarming": "Alarms",
    "/compute": "Compute",
    "/network": "Network",
    "/image": "Image",
    "/database": "Database",
}
_NAMES = re.compile(r"{\w+}")


class _Anything:
    """Stands for whatever an application is given: the page needs its routes alone."""

    def __getattr__(self, _: str) -> "_Anything":
        return _Anything()

    def __call__(self, *_: object, **__: object) -> "_Anything":
        return _Anything()

    def __iter__(self) -> Iterator[object]:
        return iter(())


def applications() -> dict[str, FastAPI]:
    """The face of each prefix, built over nothing."""
    ports: Any = _Anything()
    return {
        "/identity": identity.create(ports),
        "/fault": fault.create(ports),
        "/alarming": alarming.create(ports),
        "/compute": compute.create(ports),
        "/network": network.create(ports),
        "/image": image.create(ports),
        "/database": database.create(ports),
    }


def routed() -> Iterator[tuple[str, str]]:
    """Every (method, path) that any face answers, mounted routes and WebSockets too."""
    for prefix, app in applications().items():
        for path, operations in app.openapi()["paths"].items():
            for method in operations:
                yield method.upper(), prefix + path
        for method, path, _ in _mounted(app):
            yield method, prefix + path
    for method, path in _doctor():
        yield method, path


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _ROOT]
    for prefix, app in applications().items():
        parts += [
            f"## {_FACES[prefix]}\n",
            "| route | what | parameters | rule |",
            "|---|---|---|---|",
        ]
        parts += _rows(prefix, app)
        parts += [""]
    parts += [
        "## Doctor's own listener\n",
        "At `[fault] doctor_listener` alone: from loopback and `doctor_networks`, no token.\n",
        "| route | what |\n|---|---|",
        *(
            f"| `{method} {path}` | Report faults as Doctor's monitors do. |"
            for method, path in _doctor()
        ),
    ]
    return "\n".join(parts) + "\n"


def _rows(prefix: str, app: FastAPI) -> Iterator[str]:
    for path, operations in app.openapi()["paths"].items():
        for method, said in operations.items():
            asked = [
                f"`{one['name']}`" for one in said.get("parameters", ()) if one["in"] == "query"
            ]
            about = _first_sentence(said.get("description") or said["summary"])
            yield _row(method.upper(), prefix + path, about, ", ".join(asked))
    for method, path, about in _mounted(app):
        yield _row(method, prefix + path, about, "")


def _row(method: str, path: str, about: str, parameters: str) -> str:
    rules = ", ".join(f"`{name}`" for name in _rules(method, path))
    return f"| `{method} {path}` | {about} | {parameters} | {rules} |"


def _rules(method: str, path: str) -> list[str]:
    wanted = _NAMES.sub("{}", path)
    return [
        rule.name
        for rule in RULES
        for methods, at in rule.calls
        if method in methods.split("|") and _NAMES.sub("{}", at) == wanted
    ]


_AGENTS = {
    "agent-session": "Hold an agent's session; see [agents](agents.md#protocol).",
    "agent-enrol": "Get a credential for the agent of a host, shown once.",
    "monitor-session": "Hold a monitor's session; see [monitors](detection.md#monitors).",
    "monitor-enrol": "Get a credential for a monitor, shown once.",
    "agent-show": "Show what is known of a host's agent.",
    "guest-session": "Hold a guest agent's session; see [guests](guests.md#protocol).",
    "guest-enrol": "Get a credential for the agent of a guest, shown once.",
    "guest-show": "Show what is known of a guest's agent.",
}


def _mounted(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    for mount in app.router.routes:
        if not isinstance(mount, Mount):
            continue
        for route in mount.routes:
            if isinstance(route, WebSocketRoute):
                yield "WEBSOCKET", mount.path + route.path_format, _AGENTS[route.name]
            elif isinstance(route, Route):
                for method in sorted((route.methods or set()) - {"HEAD"}):
                    yield method, mount.path + route.path_format, _AGENTS[route.name]


def _doctor() -> Iterator[tuple[str, str]]:
    class _Settings(_Anything):
        doctor_networks: tuple[str, ...] = ()

    class _Ports(_Anything):
        settings = _Settings()

    ports: Any = _Ports()
    for path, operations in doctor_app(ports).openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


def _first_sentence(text: str) -> str:
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")
    return f"{sentence}.".replace("|", "\\|")
