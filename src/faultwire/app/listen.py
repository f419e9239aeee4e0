"""Listeners: sockets bound before anything is promised, served by uvicorn on our loop."""

import asyncio
import contextlib
import functools
import ipaddress
import logging
import resource
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from faultwire.app.crowd import Crowd, Limits
from faultwire.app.patience import PatientProtocol
from faultwire.config.server import Settings
from faultwire.domain.errors import Invalid
from faultwire.ports import Meter

log = logging.getLogger(__name__)

BACKLOG = 4096
COMMON = (
    "Invalid HTTP request received.",
    "ASGI callable returned without completing handshake.",
    "Unsupported upgrade request.",
)
"""What the server library says of clients that send nonsense or leave: whoever can connect could
fill the disk with it."""
_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str, field: str) -> Address:
    """Return HOST:PORT or [V6]:PORT as an address; raises Invalid naming the field."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise Invalid(field, f"must be HOST:PORT, not {text!r}")
    return Address(host, int(port))


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a listener's certificate chain and key; empty where there is none.

    `proxied`: a proxy in front does TLS, and what its headers say of the client is believed.
    """

    certificate: str = ""
    key: str = ""
    proxied: bool = False


def limits_of(server: Settings) -> Limits:
    """Return what connections may take, by the options of the server."""
    return Limits(
        head_seconds=server.head_seconds,
        body_seconds=server.body_seconds,
        reader_seconds=server.reader_seconds,
        keep_alive_seconds=server.keep_alive_seconds,
        connections=server.connections,
        unproven=server.connections_unproven,
    )


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg not in COMMON


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the process that owns it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """One bound socket and the server behind it."""

    def __init__(
        self,
        address: Address,
        tls: Tls,
        field: str,
        limits: Limits | None = None,
        meter: Meter | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """Bind at once; raises Invalid where the address cannot be had.

        `crowd` is that of another listener: what both hold is counted together.
        """
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((address.host, address.port))
            # Only a listening socket keeps its port from others that allow its reuse.
            self._socket.listen(BACKLOG)
        except OSError as error:
            self._socket.close()
            raise Invalid(
                field, f"cannot listen on {address.host}:{address.port}: {error}"
            ) from None
        self._tls = tls
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.crowd = crowd or Crowd(limits or Limits(), files, meter, proxied=tls.proxied)
        port = self._socket.getsockname()[1]
        self.bound: tuple[str, int] = (address.host, port)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.scheme = "https" if tls.certificate else "http"
        self.url = f"{self.scheme}://{host}:{port}"
        self._server: _Quiet | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp, known: Callable[[str], bool] | None = None) -> None:
        """Serve the application; returns once connections are accepted.

        `known` tells a credential that is valid now: its sessions are admitted whoever else asks.
        """
        if known is not None:
            self.crowd.known = known
        log.info(
            "%s takes up to %d connections besides agents (the process may open %d files)",
            self.url,
            self.crowd.most,
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        protocol: Any = functools.partial(PatientProtocol, self.crowd)
        self._server = _Quiet(
            uvicorn.Config(
                app,
                http=protocol,
                ws="websockets-sansio",
                ws_ping_interval=None,
                ws_per_message_deflate=False,
                lifespan="off",
                access_log=False,
                proxy_headers=self._tls.proxied,
                log_config=None,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=self.crowd.limits.keep_alive_seconds,
                timeout_graceful_shutdown=5,
                ssl_certfile=self._tls.certificate or None,
                ssl_keyfile=self._tls.key or None,
            )
        )
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
                message = "the listener ended before it began"
                raise OSError(message)
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Accept no more, let requests in flight end, then close."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self.close()

    def close(self) -> None:
        """Give the address back; of a listener that never started."""
        self._socket.close()
