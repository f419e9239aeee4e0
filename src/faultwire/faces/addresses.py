"""Where clients find a face that has a port of its own, and from there the others."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

Address = Callable[[str], str]
"""From a base URL as the client knows it to another of ours, without a slash at the end."""

MAIN = "main_address"
"""Under this name requests to a face's own port carry the address of the main listener."""

ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to tell it, not to listen there


@dataclass(frozen=True, slots=True)
class Door:
    """A listener as clients reach it: its scheme, the host that it listens on, and its port.

    `public_url` is where they find it instead, if it is known.
    """

    scheme: str
    host: str
    port: int
    public_url: str = ""

    def seen_from(self, other: "Door") -> Address:
        """Return the address of this door for those who came in by another one.

        Whoever reached us by a name keeps it, as certificates have it; only where the two
        listen on different hosts ours stands instead.
        """
        same = self.host == other.host or self.host in ANYWHERE
        own = self.public_url.rstrip("/")

        def address(base: str) -> str:
            if own:
                return own
            host = (_named(base) if same else None) or self.host
            shown = f"[{host}]" if ":" in host else host
            return f"{self.scheme}://{shown}:{self.port}"

        return address


def _named(base: str) -> str | None:
    """Return the host of a URL; None where brackets hold no address."""
    try:
        return urlsplit(base).hostname
    except ValueError:
        return None


def naming(app: ASGIApp, main: Address) -> ASGIApp:
    """Have requests carry how to find the main listener (`MAIN`)."""

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope.setdefault("state", {})[MAIN] = main
        await app(scope, receive, send)

    return layer
