"""Versions of the remote calls: what a table of methods is, and what two sides make of it.

An API has a version MAJOR.MINOR. A method, or an argument of it, that is added raises the minor
number; what breaks an older caller raises the major one. A call is sent at the lowest version
that knows the method and the arguments it carries, so that the oldest peer that can do it does.
The methods themselves are in `messaging.table`. Pure.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import orjson

from faultwire.domain.errors import Invalid, RefusedArguments, RefusedVersion


class Version(NamedTuple):
    """MAJOR.MINOR; ordered."""

    major: int
    minor: int

    def __str__(self) -> str:
        """Return it as it is written on the envelope."""
        return f"{self.major}.{self.minor}"

    def does(self, wanted: "Version") -> bool:
        """Return whether who implements this understands a call at the other version."""
        return self.major == wanted.major and wanted.minor <= self.minor


LONGEST_VERSION = 16


def parse(text: object, named: str = "version") -> Version:
    """Return the version that a text like ``1.2`` says; raises Invalid, naming `named`."""
    if isinstance(text, str) and len(text) <= LONGEST_VERSION:
        major, dot, minor = text.partition(".")
        if dot and all(part.isascii() and part.isdigit() for part in (major, minor)):
            return Version(int(major), int(minor))
    raise Invalid(named, "not a version: MAJOR.MINOR is one, as 1.2")


class Kind(StrEnum):
    """Types of arguments."""

    TEXT = "text"
    WHOLE = "whole number"
    REAL = "number"
    FLAG = "true or false"
    NAMES = "list of texts"
    DOCUMENT = "mapping"


class Older(StrEnum):
    """What a client does with an argument that the peer is too old for."""

    LEAVE_OUT = "left out for older peers"
    REFUSE = "not sent to older peers"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. `most`: characters of a text, items of a list, encoded bytes of a mapping.

    `since` None: as old as the method, and required unless `optional`. Later ones are optional.
    """

    name: str
    kind: Kind
    most: int = 255
    since: Version | None = None
    older: Older = Older.LEAVE_OUT
    optional: bool = False

    @property
    def required(self) -> bool:
        """Return whether a call without it is refused."""
        return self.since is None and not self.optional


@dataclass(frozen=True, slots=True)
class Method:
    """One method; `since` is the version that brought it."""

    name: str
    since: Version
    arguments: tuple[Argument, ...] = ()

    def needs(self, arguments: Mapping[str, object]) -> Version:
        """Return the version that a call with these arguments has: never more than they need."""
        given = (each.since for each in self.arguments if arguments.get(each.name) is not None)
        return max((self.since, *(since for since in given if since is not None)))


@dataclass(frozen=True, slots=True)
class Step:
    """One version of an API: the release that brought it, and why."""

    version: Version
    release: str
    why: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """What an API's topic was called before a release, by whose peers it is still called so."""

    release: str
    formerly: str


@dataclass(frozen=True, slots=True)
class Api:
    """One API. `topic` is where it is served; with `each`, a peer's own name follows it."""

    name: str
    topic: str
    history: tuple[Step, ...]
    methods: tuple[Method, ...]
    each: bool = False
    renamed: Renamed | None = None

    @property
    def newest(self) -> Version:
        """Return the version that a server with this table speaks."""
        return self.history[-1].version

    def method(self, name: object) -> Method | None:
        """Return a method by name; None: there is none."""
        return next((method for method in self.methods if method.name == name), None)

    def topic_of(self, to: str | None) -> str:
        """Return the topic of a peer; raises Invalid where the API wants a name and has none."""
        if not self.each:
            return self.topic if to is None else to
        if not to:
            raise Invalid("to", f"{self.name} is served by each peer; which one?")
        return f"{self.topic}.{to}"

    @property
    def former(self) -> str | None:
        """Return the topic by which peers of older releases call; None: the same."""
        if self.renamed is None or self.renamed.formerly == self.topic:
            return None
        return self.renamed.formerly


@dataclass(frozen=True, slots=True)
class Table:
    """All APIs of one release; `releases` in order, the last one is its own."""

    releases: tuple[str, ...]
    apis: tuple[Api, ...]

    def api(self, name: str) -> Api:
        """Return an API; raises Invalid."""
        for api in self.apis:
            if api.name == name:
                return api
        raise Invalid("api", f"no such API: {name}")

    def alias(self, api: str, release: str) -> Version | None:
        """Return the version of an API in a release; None: the release is unknown, or older."""
        if release not in self.releases:
            return None
        age = self.releases.index(release)
        steps = [
            step.version
            for step in self.api(api).history
            if self.releases.index(step.release) <= age
        ]
        return max(steps, default=None)


def placed(table: Table, queues: Mapping[str, str]) -> Table:
    """Return a table whose APIs, by name, are served at other topics."""
    if not queues:
        return table
    apis = (replace(api, topic=queues.get(api.name, api.topic)) for api in table.apis)
    return replace(table, apis=tuple(apis))


@dataclass(frozen=True, slots=True)
class Form:
    """A call as it goes out. `left_out` names arguments that the peer is too old for."""

    version: Version
    arguments: Mapping[str, object]
    left_out: tuple[str, ...] = ()


def fit(
    api: Api, method: str, arguments: Mapping[str, object], cap: Version | None, to: str | None
) -> Form:
    """Return the form in which a peer that speaks `cap` takes a call; None: it speaks ours.

    Raises RefusedVersion where it takes none, RefusedArguments where the arguments do not fit
    our own table, Invalid where the method is not in it.
    """
    known = api.method(method)
    if known is None:
        raise Invalid("method", f"{api.name} has no method {method}")
    topic = api.topic_of(to)
    given = {name: value for name, value in arguments.items() if value is not None}
    check(known, given, topic)
    cap = api.newest if cap is None else cap
    if not cap.does(known.since):
        raise RefusedVersion(
            topic, method, f"it came with version {known.since}, and the peer speaks {cap}"
        )
    newer = [
        each for each in known.arguments if each.since is not None and not cap.does(each.since)
    ]
    late = [each for each in newer if each.name in given]
    for each in late:
        if each.older is Older.REFUSE:
            reason = f"{each.name} came with version {each.since}, and the peer speaks {cap}"
            raise RefusedVersion(topic, method, reason)
    for each in late:
        del given[each.name]
    return Form(known.needs(given), given, tuple(each.name for each in late))


def admit(
    api: Api, method: object, version: object, arguments: object
) -> tuple[Method, dict[str, object]]:
    """Return what a server calls for an incoming message: every argument of the method is there.

    Raises RefusedVersion or RefusedArguments, told to the caller; nothing in the message is
    trusted. A method that came with a later version than the message claims is refused too.
    """
    name = method if isinstance(method, str) else "?"
    topic = api.topic
    try:
        wanted = parse(version)
    except Invalid as error:
        raise RefusedVersion(topic, name[:64], error.reason) from None
    if not api.newest.does(wanted):
        raise RefusedVersion(
            topic, name[:64], f"this server speaks {api.name} {api.newest}, and not {wanted}"
        )
    known = api.method(name)
    if known is None or not wanted.does(known.since):
        raise RefusedVersion(topic, name[:64], f"no such method at version {wanted}")
    if not isinstance(arguments, dict):
        raise RefusedArguments(topic, name, "the arguments are not a mapping")
    given = {key: value for key, value in arguments.items() if value is not None}
    check(known, given, topic)
    return known, {each.name: given.get(each.name) for each in known.arguments}


def check(method: Method, given: Mapping[str, object], topic: str) -> None:
    """Check arguments against the table; raises RefusedArguments, naming the first bad one."""
    known = {each.name: each for each in method.arguments}
    for name in given:
        if name not in known:
            raise RefusedArguments(topic, method.name, f"no argument {str(name)[:64]!r}")
    for argument in method.arguments:
        if argument.name not in given:
            if argument.required:
                raise RefusedArguments(topic, method.name, f"{argument.name} is missing")
            continue
        wrong = _wrong(argument, given[argument.name])
        if wrong:
            raise RefusedArguments(topic, method.name, f"{argument.name}: {wrong}")


LARGEST_WHOLE = 2**63 - 1


def _wrong(argument: Argument, value: object) -> str:
    """Return what is wrong with a value; empty: nothing."""
    return _CHECKS[argument.kind](value, argument.most)


def _text(value: object, most: int) -> str:
    if not isinstance(value, str):
        return f"not a {Kind.TEXT}"
    if not value.isprintable():
        return "control characters in it"
    return f"longer than {most} characters" if len(value) > most else ""


def _whole(value: object, most: int) -> str:
    del most
    if isinstance(value, bool) or not isinstance(value, int):
        return f"not a {Kind.WHOLE}"
    return "" if -LARGEST_WHOLE <= value <= LARGEST_WHOLE else "too large"


def _real(value: object, most: int) -> str:
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"not a {Kind.REAL}"
    return _whole(value, most)


def _flag(value: object, most: int) -> str:
    del most
    return "" if isinstance(value, bool) else f"not {Kind.FLAG}"


def _names(value: object, most: int) -> str:
    if not isinstance(value, list | tuple):
        return f"not a {Kind.NAMES}"
    if len(value) > most:
        return f"more than {most} items"
    return next((wrong for wrong in (_text(item, 255) for item in value) if wrong), "")


def _document(value: object, most: int) -> str:
    if not isinstance(value, dict):
        return f"not a {Kind.DOCUMENT}"
    try:
        size = len(orjson.dumps(value))
    except (TypeError, RecursionError):
        return "not a JSON mapping"
    return f"longer than {most} bytes" if size > most else ""


_CHECKS = {
    Kind.TEXT: _text,
    Kind.WHOLE: _whole,
    Kind.REAL: _real,
    Kind.FLAG: _flag,
    Kind.NAMES: _names,
    Kind.DOCUMENT: _document,
}
