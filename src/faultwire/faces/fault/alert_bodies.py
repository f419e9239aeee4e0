"""Bodies of Alertmanager's webhook, version 4, checked and cut into pieces; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from faultwire.domain.errors import Invalid, TooLarge

VERSION = "4"
PIECE = 100
"""Alerts of one piece: what is read at a time while others wait."""

LABELS = 100
KEY = 255
VALUE = 4096
KEPT_VALUE = 512
"""Characters of a label or annotation that are kept as evidence."""
ANNOTATIONS = ("summary", "description", "message")
"""Annotations that are kept as evidence."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `mark` is by what its sender knows it again."""

    firing: bool
    labels: Mapping[str, str]
    starts_at: str
    mark: str
    details: Mapping[str, object]


def pieces_of(raw: bytes, most: int) -> Iterator[bytes]:
    """Give the alerts of a body as JSON lists of a few, all of them checked before the first.

    Raises Invalid naming the field, and TooLarge for more than `most` of them.
    """
    alerts = _alerts(_decoded(raw), most)
    for number, alert in enumerate(alerts):
        _check(alert, f"alerts[{number}]")
    for begin in range(0, len(alerts), PIECE):
        yield orjson.dumps([_slim(one) for one in alerts[begin : begin + PIECE]])


def alerts_of(piece: bytes) -> Iterator[Alert]:
    """Give the alerts of one piece."""
    for one in orjson.loads(piece):
        yield Alert(*one)


def _decoded(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid("", f"malformed JSON: {error}") from None


def _alerts(body: Any, most: int) -> list[Any]:
    if not isinstance(body, dict):
        raise Invalid("", "must be an object: the body of Alertmanager's webhook")
    version = body.get("version")
    if version != VERSION:
        said = "none" if version is None else repr(version)[:40]
        raise Invalid("version", f'must be "{VERSION}", and is {said}: other bodies are not read')
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        raise Invalid("alerts", "must be a list")
    if len(alerts) > most:
        raise TooLarge(f"alerts: {len(alerts)} of them, at most {most}")
    return alerts


def _check(alert: Any, at: str) -> None:
    if not isinstance(alert, dict):
        raise Invalid(at, "must be an object")
    status = alert.get("status")
    if not isinstance(status, str) or status not in {"firing", "resolved"}:
        raise Invalid(f"{at}.status", 'must be "firing" or "resolved"')
    _texts(alert.get("labels"), f"{at}.labels")
    if not alert["labels"]:
        raise Invalid(f"{at}.labels", "must hold at least one label")
    if alert.get("annotations") is not None:
        _texts(alert["annotations"], f"{at}.annotations")
    for key in ("startsAt", "fingerprint", "generatorURL"):
        value = alert.get(key)
        if value is not None and (not isinstance(value, str) or len(value) > VALUE):
            raise Invalid(f"{at}.{key}", f"must be text of at most {VALUE} characters")


def _texts(value: Any, at: str) -> None:
    if not isinstance(value, dict):
        raise Invalid(at, "must be an object")
    if len(value) > LABELS:
        raise Invalid(at, f"has {len(value)} keys, at most {LABELS}")
    for key, text in value.items():
        if not isinstance(text, str) or len(text) > VALUE or "\x00" in text:
            raise Invalid(f"{at}.{key[:40]}", f"must be text of at most {VALUE} characters")
        if not 0 < len(key) <= KEY or "\x00" in key:
            raise Invalid(f"{at}.{key[:40]}", f"a name is text of 1 to {KEY} characters")


def _slim(alert: dict[str, Any]) -> tuple[object, ...]:
    """Return the parts of an `Alert`: what rows look at, and what is kept as evidence."""
    labels = alert["labels"]
    annotations = alert.get("annotations") or {}
    mark = alert.get("fingerprint") or "|".join(f"{k}={labels[k]}" for k in sorted(labels))[:255]
    details: dict[str, object] = {
        "alert": mark,
        "labels": {key: text[:KEPT_VALUE] for key, text in list(labels.items())[:20]},
    }
    for key in ANNOTATIONS:
        if key in annotations:
            details[key] = annotations[key][:KEPT_VALUE]
    return alert["status"] == "firing", labels, alert.get("startsAt") or "", mark, details
