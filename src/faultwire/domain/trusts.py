"""Actions that run in a user's name: ``trust+https://TRUST:delete@host/path``, as Aodh has it."""

import re

TRUSTED = ("trust+http:", "trust+https:")
_URL = re.compile(r"(?P<scheme>[Tt][Rr][Uu][Ss][Tt]\+[Hh][Tt]{2}[Pp][Ss]?)://(?P<login>[^/?#]*@)?")


def is_trusted(url: str) -> bool:
    """Whether an action needs a token of who wants it."""
    return url[:12].lower().startswith(TRUSTED)


def entrusted(url: str, trust: str) -> str:
    """Return an action with the trust by which it runs in it."""
    return _URL.sub(lambda found: f"{found['scheme'].lower()}://{trust}:delete@", url, count=1)


def shown(url: str) -> str:
    """Return an action as people may see it: a trust's id is not for everybody."""
    return _URL.sub(lambda found: f"{found['scheme']}://", url, count=1)


def parted(url: str) -> tuple[str, str]:
    """Return the trust of an action and the URL that is called; the trust is empty for none."""
    found = _URL.match(url)
    if found is None:
        return "", url
    trust = (found["login"] or "").removesuffix("@").partition(":")[0]
    return trust, found["scheme"][6:].lower() + "://" + url[found.end() :]
