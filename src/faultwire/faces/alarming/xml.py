"""Errors as XML for clients that ask for it, as Aodh has it; all else stays JSON."""

from html import escape
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

XML, JSON = "application/xml", "application/json"
LARGEST = 65_536
"""An error is short; what is longer passes as it is."""


def prefers_xml(accept: str) -> bool:
    """Return whether an Accept header would have XML rather than JSON."""
    return _weight(accept, XML) > _weight(accept, JSON)


def _weight(accept: str, kind: str) -> float:
    """Return the weight of the closest range that holds the kind."""
    family = f"{kind.partition('/')[0]}/*"
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *terms = (term.strip() for term in part.split(";"))
        texts = [term[2:] for term in terms if term.startswith("q=")]
        found.setdefault(name, _quality(texts[0]) if texts else 1.0)
    return next((found[name] for name in (kind, family, "*/*") if name in found), 0.0)


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def as_xml(body: bytes) -> bytes:
    """Return the XML of a JSON error body."""
    value: Any = orjson.loads(body)
    said = value.get("error_message")
    if isinstance(said, dict):
        code, text = (_text(said.get(key)) for key in ("faultcode", "faultstring"))
        inner = (
            f"<error><faultcode>{code}</faultcode><faultstring>{text}</faultstring>"
            "<debuginfo /></error>"
        )
    else:
        inner = _text(said)
    return f"<error_message>{inner}</error_message>".encode()


def _text(value: object) -> str:
    # XML has no way to write most control characters.
    shown = "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in str(value))
    return escape(shown, quote=False)


class XmlErrors:
    """Rewrites the JSON errors of an application for who prefers XML."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http" or not prefers_xml(Headers(scope=scope).get("accept", "")):
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def rewritten(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start" and _is_error(message):
                held = message
                return
            if held is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body", False) and len(body) <= LARGEST:
                return
            start, held = held, None
            if not message.get("more_body", False):
                body = as_xml(body)
                headers = MutableHeaders(raw=start["headers"])
                headers["content-type"] = f"{XML}; charset=UTF-8"
                headers["content-length"] = str(len(body))
            await send(start)
            await send({**message, "body": body})

        await self._app(scope, receive, rewritten)


def _is_error(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= 400 and kind.startswith(JSON)
