"""Reads a configuration file and the environment into frozen Settings, by oslo.config.

The options are made from the dataclasses: name, default, type and help are theirs. Field
metadata may hold `help`, `min`, `max` and `choices`. A section or option that nobody owns is an
error: a misspelt option must not be silently without effect.
"""

from collections.abc import Mapping
from dataclasses import Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from oslo_config import cfg, types

from faultwire.domain.errors import Invalid

Sections = Mapping[str, type[Any]]

DEFAULT = "DEFAULT"
"""The section of options that need none; in code it is `default`."""


def options_of(settings: type[Any]) -> list[cfg.Opt]:
    """Return the oslo.config options of a Settings dataclass."""
    hints = get_type_hints(settings)
    return [_option(one, hints[one.name]) for one in fields(settings)]


def _option(one: Field[Any], hint: Any) -> cfg.Opt:
    known = {"help": one.metadata.get("help", ""), "default": _plain(one.default)}
    return cfg.Opt(one.name, type=_type(hint, one.metadata), **known)


def _plain(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _type(hint: Any, metadata: Mapping[str, Any]) -> Any:
    bounds = {key: metadata[key] for key in ("min", "max") if key in metadata}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return types.String(choices=[member.value for member in hint])
    if hint is bool:
        return types.Boolean()
    if hint is int:
        return types.Integer(**bounds)
    if hint is float:
        return types.Float(**bounds)
    if str in get_args(hint) and hint != (str | None):
        return types.List()
    return types.String()


def load(sections: Sections, path: Path | None = None) -> dict[str, Any]:
    """Return one Settings per section, by its name in lower case.

    Raises Invalid naming the option, section or file.
    """
    if path is not None:
        _refuse_unknown(sections, path)
    conf = cfg.ConfigOpts()
    for name, settings in sections.items():
        conf.register_opts(options_of(settings), group=None if name == DEFAULT else name)
    try:
        conf(
            args=[],
            project="faultwire",
            default_config_files=[str(path)] if path else [],
            default_config_dirs=[],
        )
        return {
            name.lower(): _settings(conf if name == DEFAULT else conf[name], kind)
            for name, kind in sections.items()
        }
    except (cfg.Error, ValueError) as error:
        raise Invalid(str(path or "configuration"), str(error)) from None


def _settings(group: Any, kind: type[Any]) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for one in fields(kind):
        value = getattr(group, one.name)
        hint = hints[one.name]
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            value = hint(value)
        elif isinstance(value, list):
            value = tuple(value)
        values[one.name] = value
    return kind(**values)


def _refuse_unknown(sections: Sections, path: Path) -> None:
    found: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(path), found).parse()
    except (OSError, cfg.ParseError) as error:
        raise Invalid(str(path), str(error)) from None
    for section, options in found.items():
        if section not in sections:
            known = ", ".join(sorted(sections))
            raise Invalid(f"{path} [{section}]", f"no such section; there are {known}")
        names = {one.name for one in fields(sections[section])}
        for option in options:
            if option.replace("-", "_") not in names:
                raise Invalid(f"{path} [{section}] {option}", "no such option")
