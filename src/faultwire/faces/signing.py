"""Who speaks, found out before a face is asked: by a Keystone that takes its time."""

from starlette.types import ASGIApp, Receive, Scope, Send

from faultwire.domain.errors import FaultwireError
from faultwire.faces.http import KEYSTONE, SIGNED_IN, TOKEN_HEADER
from faultwire.ports import TokenReader

_TOKEN = TOKEN_HEADER.encode()


class SigningIn:
    """Has a token read before its request is handled.

    What came of it is in the request's state, where `http.caller_of` finds it: a caller, or the
    error that the face answers in its own shape. What needs no caller never hears of it.
    """

    def __init__(self, app: ASGIApp, reader: TokenReader, keystone: str) -> None:
        """Stand before a face; `keystone` is the address that a 401 names."""
        self._app = app
        self._reader = reader
        self._keystone = keystone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            state = scope.setdefault("state", {})
            state[KEYSTONE] = self._keystone
            token = next((value for name, value in scope["headers"] if name == _TOKEN), b"")
            if token:
                try:
                    state[SIGNED_IN] = await self._reader.caller(token.decode("latin-1"))
                except FaultwireError as error:
                    state[SIGNED_IN] = error
        await self._app(scope, receive, send)
