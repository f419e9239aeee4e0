"""The sample files, made from the settings and rules themselves, so that they cannot disagree."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from enum import StrEnum
from typing import Any, get_type_hints

from faultwire.config.configuration import SECTIONS
from faultwire.config.load import Sections
from faultwire.policy.enforcer import RULES
from faultwire.policy.rule import Rule

WIDTH = 96

_CONFIGURATION = """\
Every option of Faultwire with its default. Use it with: faultwire serve --config FILE

The environment wins over the file: OS_SECTION__OPTION, for example OS_SERVER__LOG_LEVEL.
A section or an option that does not exist ends the start. The file is read at start alone.
"""
_POLICY = """\
Every rule of Faultwire with its default. Use it with: [policy] policy_file = FILE

A rule that stands here replaces the default of that name; the others stay. The language is
that of oslo.policy. A rule that does not exist, or cannot be read, ends the start. The file
is read at start alone.
"""
_SOURCES = re.compile(r" \([SD]\d+(, [SD]\d+)*\)")
_KINDS: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}


def configuration(sections: Sections = SECTIONS) -> str:
    """Return a configuration file in which every option stands as a comment, with its default."""
    lines = [*_comment(_CONFIGURATION)]
    for name, settings in sections.items():
        lines += ["", f"[{name}]"]
        hints = get_type_hints(settings)
        for one in fields(settings):
            lines += ["", *_option(one, hints[one.name])]
    return "\n".join(lines) + "\n"


def policy(rules: Iterable[Rule] = RULES) -> str:
    """Return a policy file in which every rule stands as a comment, with its default."""
    lines = [*_comment(_POLICY)]
    for rule in rules:
        calls = [f"  {method} {path}" for method, path in rule.calls]
        lines += ["", *_comment("\n".join((rule.about, *calls)))]
        lines.append(f'#"{rule.name}": "{rule.check}"')
    return "\n".join(lines) + "\n"


def default_of(one: Field[Any]) -> str:
    """Return an option's default as it is written in a file; empty for none."""
    value = one.default
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _option(one: Field[Any], hint: Any) -> Iterator[str]:
    yield from _comment(_SOURCES.sub("", one.metadata.get("help", "")))
    yield from _comment(_kind(hint, one.metadata))
    yield f"#{one.name} = {default_of(one)}".rstrip()


def _kind(hint: Any, metadata: Mapping[str, Any]) -> str:
    """Say what an option takes."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return f"Takes one of {', '.join(hint)}."
    said = _KINDS.get(hint, "texts, parted by commas")
    least, most = metadata.get("min"), metadata.get("max")
    if least is not None:
        said += f" from {least} to {most}" if most is not None else f" of at least {least}"
    return f"Takes {said}."


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line,
            WIDTH,
            initial_indent="# ",
            subsequent_indent=f"# {indent}",
            break_on_hyphens=False,
            break_long_words=False,
        )
        yield from wrapped or ["#"]
