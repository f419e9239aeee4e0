"""Actions of alarms: which URLs are taken, and from whom; pure."""

import re
from collections.abc import Callable

from faultwire.domain.alarms import Actions
from faultwire.domain.errors import Invalid, Unauthenticated
from faultwire.domain.trusts import parted
from faultwire.faces.alarming.fields import Body, wrong

ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")
ADMINISTRATORS = frozenset({"log", "test"})
"""Schemes that an administrator alone may use: they write to the server's log, or nowhere."""

_WEB = frozenset({"http", "https"})
_TRUST = frozenset({"trust+http", "trust+https"})
_LONGEST = 2048
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LOGIN = re.compile(r"//[^/@]*@")
_SHOWN = 200


def actions_of(body: Body, key: str, limit: int) -> Actions:
    """Return a list of actions, each once, in their order; null stays null. Raises Invalid."""
    value = body.get(key, [])
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(url, str) for url in value):
        raise wrong(key, value, "It must be a list of URLs.")
    urls = tuple(dict.fromkeys(value))
    if len(urls) > limit:
        raise wrong(key, f"{len(urls)} actions", f"At most {limit}.")
    return urls


def check_action(
    url: str,
    path: str,
    *,
    admin: bool,
    check_url: Callable[[str], None],
    trusts: bool = False,
) -> None:
    """Raise Invalid for what can never be called, Unauthenticated for what this caller may not.

    `check_url` judges what goes to the web. `path` is the action's place in the body. With
    `trusts` there is a Keystone by which actions may run in a user's name.
    """
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    shown = _LOGIN.sub("//...@", url[:_SHOWN])
    if found and scheme not in _WEB | _TRUST | ADMINISTRATORS:
        raise Invalid("", f"Unsupported action {shown}")
    try:
        if scheme in _TRUST and trusts:
            _check_trusted(url, check_url)
        elif scheme in _TRUST | ADMINISTRATORS:
            _check_other(url, scheme)
        else:
            check_url(url)
    except Invalid as error:
        sentence = f"Unsupported action {shown}: {path} {error.reason}"
        raise Invalid("", sentence) from None
    if scheme in ADMINISTRATORS and not admin:
        raise Unauthenticated(f"You are not authorized to create action: {shown}")


def _check_trusted(url: str, check_url: Callable[[str], None]) -> None:
    trust, called = parted(url)
    if trust:
        # Whose it is nobody could tell: it may be another user's.
        raise Invalid("", "cannot contain a trust ID")
    check_url(called)


def _check_other(url: str, scheme: str) -> None:
    if scheme in _TRUST:
        known = " and ".join(sorted(_WEB))
        raise Invalid("", f"needs a token of Keystone, which is not connected; use {known}")
    if len(url) > _LONGEST or not url.isprintable():
        raise Invalid("", f"is longer than {_LONGEST} characters, or not printable")
