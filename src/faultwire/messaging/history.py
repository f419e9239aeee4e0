"""The version history of the remote calls in words, made from the table; pure."""

import textwrap
from collections.abc import Iterator

from faultwire.messaging.versions import Api, Argument, Method, Step, Table

WIDTH = 88


def of(api: Api) -> str:
    """Return the history of an API, as it stands in the docstring of its class."""
    return "\n".join(["API version history:", "", *_lines(api)])


def page(table: Table) -> str:
    """Return the part of the documentation that tells of every API and method."""
    lines = [f"Releases, oldest first: {', '.join(f'`{name}`' for name in table.releases)}."]
    for api in table.apis:
        place = f"`{api.topic}.ID`" if api.each else f"`{api.topic}`"
        lines += ["", f"## {api.name}", "", f"Topic {place}, now at {api.newest}.", ""]
        lines += ["| version | release | why |", "|---|---|---|"]
        lines += [f"| {step.version} | {step.release} | {step.why} |" for step in api.history]
        lines += ["", "| method | since | arguments |", "|---|---|---|"]
        lines += [_row(method) for method in api.methods]
    return "\n".join(lines) + "\n"


def _lines(api: Api) -> Iterator[str]:
    for step in api.history:
        said = f"* {step.version} ({step.release}): {step.why}"
        yield from textwrap.wrap(said, WIDTH, subsequent_indent="  ")
        yield from (f"    {line}" for line in _brought(api, step))


def _brought(api: Api, step: Step) -> Iterator[str]:
    for method in api.methods:
        if method.since == step.version:
            names = ", ".join(one.name for one in method.arguments if one.since is None)
            yield f"{method.name}({names})"
        for one in method.arguments:
            if one.since == step.version:
                yield f"{method.name}: {one.name}, {one.older.value}"


def _row(method: Method) -> str:
    told = "; ".join(_told(one) for one in method.arguments)
    return f"| `{method.name}` | {method.since} | {told or 'none'} |"


def _told(one: Argument) -> str:
    if one.since is not None:
        return f"`{one.name}` ({one.kind.value}, since {one.since}, {one.older.value})"
    need = "" if one.required else ", optional"
    return f"`{one.name}` ({one.kind.value}{need})"
