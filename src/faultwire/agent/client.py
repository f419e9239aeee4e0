"""The way to the server: whom an agent trusts, and when it gives a connection up."""

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from types import SimpleNamespace

import aiohttp

from faultwire.agent.credential import BoundCredential
from faultwire.domain.errors import Invalid

HEADER = "X-Faultwire-Credential"


@contextlib.asynccontextmanager
async def http_client(credential: BoundCredential) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client that trusts the server of a credential, and follows no redirect."""
    # A redirect would carry the credential to somebody else.
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    context = _trust(credential)
    connector = aiohttp.TCPConnector(ssl=True if context is None else context)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[tracing]) as http:
        yield http


def _trust(credential: BoundCredential) -> ssl.SSLContext | None:
    if credential.certificate is None:
        return None
    try:
        context = ssl.create_default_context(cadata=credential.certificate)
    except (ssl.SSLError, ValueError) as error:
        raise Invalid("certificate", f"is no PEM certificate: {error}") from None
    # The certificate itself is trusted, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def _refuse_redirect(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestRedirectParams,
) -> None:
    del session, context
    raise aiohttp.ClientError(f"{params.url} redirects; an agent's server does not")


def give_up_after(connection: aiohttp.ClientWebSocketResponse, silence_ms: int) -> None:
    """Have the kernel end a connection whose other machine acknowledges nothing."""
    end = connection.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if end is not None and option is not None:
        end.setsockopt(socket.IPPROTO_TCP, option, silence_ms)
