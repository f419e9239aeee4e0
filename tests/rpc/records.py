"""The tables of the releases, as each of them was: recorded once, never changed."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import (
    Api,
    Argument,
    Kind,
    Method,
    Older,
    Renamed,
    Step,
    Table,
    parse,
)

FOLDER = Path(__file__).parent / "tables"


def document(table: Table) -> dict[str, Any]:
    """Return a table as a JSON document."""
    return {
        "releases": list(table.releases),
        "apis": {
            api.name: {
                "topic": api.topic,
                "each": api.each,
                **_renamed(api),
                "history": [[str(step.version), step.release, step.why] for step in api.history],
                "methods": {
                    method.name: {
                        "since": str(method.since),
                        "arguments": {
                            one.name: {
                                "kind": one.kind.value,
                                "most": one.most,
                                "since": str(one.since) if one.since else None,
                                "older": one.older.value,
                                "optional": one.optional,
                            }
                            for one in method.arguments
                        },
                    }
                    for method in api.methods
                },
            }
            for api in table.apis
        },
    }


def _renamed(api: Api) -> dict[str, Any]:
    return {"renamed": [api.renamed.release, api.renamed.formerly]} if api.renamed else {}


def table(text: Mapping[str, Any]) -> Table:
    """Return the table that a document holds."""
    return Table(
        tuple(text["releases"]), tuple(_api(name, api) for name, api in text["apis"].items())
    )


def _api(name: str, text: Mapping[str, Any]) -> Api:
    return Api(
        name=name,
        topic=text["topic"],
        each=text["each"],
        renamed=Renamed(*text["renamed"]) if "renamed" in text else None,
        history=tuple(Step(parse(v), release, why) for v, release, why in text["history"]),
        methods=tuple(
            Method(
                method,
                parse(told["since"]),
                tuple(
                    Argument(
                        argument,
                        Kind(one["kind"]),
                        one["most"],
                        parse(one["since"]) if one["since"] else None,
                        Older(one["older"]),
                        one["optional"],
                    )
                    for argument, one in told["arguments"].items()
                ),
            )
            for method, told in text["methods"].items()
        ),
    )


def as_of(newest: Table, release: str) -> Table:
    """Return a table as it was in a release: what came later is left out."""
    age = newest.releases.index(release)
    releases = newest.releases[: age + 1]
    apis = []
    for api in newest.apis:
        history = tuple(step for step in api.history if step.release in releases)
        if not history:
            continue
        last = history[-1].version
        methods = tuple(
            Method(
                method.name,
                method.since,
                tuple(one for one in method.arguments if one.since is None or one.since <= last),
            )
            for method in api.methods
            if method.since <= last
        )
        renamed = api.renamed
        later = renamed is not None and renamed.release not in releases
        topic = renamed.formerly if later and renamed else api.topic
        apis.append(Api(api.name, topic, history, methods, api.each, None if later else renamed))
    return Table(releases, tuple(apis))


RECORDS: Mapping[str, Table] = {
    path.stem: table(orjson.loads(path.read_bytes())) for path in sorted(FOLDER.glob("*.json"))
}


def record(release: str) -> None:
    """Write the record of a release, when it is made; a record that exists is not changed."""
    path = FOLDER / f"{release}.json"
    text = orjson.dumps(document(as_of(TABLE, release)), option=orjson.OPT_INDENT_2)
    with path.open("xb") as file:
        file.write(text + b"\n")


if __name__ == "__main__":
    record(sys.argv[1])
