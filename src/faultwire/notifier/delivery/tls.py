"""TLS towards consumers: always verified, and sessions taken up again where a connection was.

A resumed session spares both sides the certificates and the signature of a full handshake. What
was verified is the first connection's certificate, for the same name and port, at most
`KEPT_NS` ago; a server that does not know the session any more makes a full handshake of it.

asyncio and uvloop both make their TLS with `wrap_bio` of the context, and pass no session; so the
context itself remembers them. With TLS 1.3 the tickets come after the handshake: they are there
when the first bytes of the other side are read.
"""

import contextlib
import errno
import ssl
import sys
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultwire.domain.errors import Invalid
from faultwire.notifier.settings import Settings
from faultwire.ports import Clock

SESSIONS_KEPT = 8192
FRESH_NS = 60_000_000_000
"""How long no other session of the same name and port is taken."""
KEPT_NS = 3_600_000_000_000
"""How long a verified certificate vouches for the sessions that came of it."""

PORT: ContextVar[int] = ContextVar("port", default=0)
"""The port that the task at work connects to; the context is told the name alone."""

_UNTRUSTED = "its issuer is not trusted here"
_CERTIFICATE: Mapping[int, str] = {
    # Numbers of X.509 verification as OpenSSL has them.
    2: _UNTRUSTED,
    9: "it is not valid yet",
    10: "it has expired",
    18: _UNTRUSTED,
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    23: "it was revoked",
    62: "it is for another name",
    64: "it is for another address",
}
_BROKEN_OFF = "the other side broke off, perhaps for want of a client certificate"
_ALERTS: Mapping[str, str] = {
    "CERTIFICATE_REQUIRED": "the other side wants a client certificate",
    "HANDSHAKE_FAILURE": "the two sides agree on no cipher, or a client certificate is wanted",
    "PROTOCOL_VERSION": "the two sides agree on no version",
    "UNKNOWN_CA": "the other side does not trust our client certificate",
    "BAD_CERTIFICATE": "the other side does not accept our client certificate",
    "WRONG_VERSION_NUMBER": "the other side does not speak TLS",
    "RECORD_LAYER_FAILURE": "the other side does not speak TLS",
    "UNRECOGNIZED_NAME": "the other side does not serve that name",
    "UNSUPPORTED_PROTOCOL": "the other side speaks an old version alone",
}

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    session: ssl.SSLSession
    born_ns: int
    taken_ns: int


class Sessions:
    """The last session of each name and port; on one event loop.

    To take one costs as much as half of what it saves. So it is not taken while its connection is
    in use, but when there is time (`harvest`), when it ends, or when another one wants it.
    """

    def __init__(self, clock: Clock) -> None:
        """Know none."""
        self._clock = clock
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._open: dict[Key, weakref.ref[Resuming]] = {}
        self._ripe: deque[weakref.ref[Resuming]] = deque(maxlen=SESSIONS_KEPT)

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._kept)

    def find(self, key: Key) -> tuple[ssl.SSLSession | None, int | None]:
        """Return a session that may be taken up, with when its certificate was verified."""
        found = self._kept.get(key)
        if found is None and key in self._open:
            connection = self._open[key]()
            if connection is not None:
                self.take(connection)
                found = self._kept.get(key)
        if found is None:
            return None, None
        if self._clock.mono_ns() - found.born_ns >= KEPT_NS:
            del self._kept[key]
            return None, None
        return found.session, found.born_ns

    def opened(self, connection: "Resuming") -> None:
        """Note a connection whose handshake is over, tickets and all."""
        reference = weakref.ref(connection)
        self._open[connection.key] = reference
        self._ripe.append(reference)

    def harvest(self, most: int) -> None:
        """Take up to so many sessions of connections that are open."""
        while self._ripe and most > 0:
            connection = self._ripe.popleft()()
            if connection is not None:
                most -= self.take(connection)

    def ended(self, connection: "Resuming") -> None:
        """Take the session of a connection that is about to be gone."""
        reference = self._open.get(connection.key)
        # A reference to what is being deleted is dead already.
        if reference is not None and reference() in {None, connection}:
            del self._open[connection.key]
        self.take(connection)

    def take(self, connection: "Resuming") -> bool:
        """Remember a connection's session, unless there is a fresh one; return whether it was."""
        key, now_ns = connection.key, self._clock.mono_ns()
        known = self._kept.get(key)
        if connection.taken or (known is not None and now_ns - known.taken_ns < FRESH_NS):
            return False
        connection.taken = True
        session = connection.session
        if session is None or not session.has_ticket:
            return True
        # A resumed one stands for the certificate that was verified then.
        born_ns = connection.born_ns if connection.session_reused else connection.opened_ns
        self._kept[key] = _Kept(session, born_ns, now_ns)
        self._kept.move_to_end(key)
        if len(self._kept) > SESSIONS_KEPT:
            self._kept.popitem(last=False)
        return True

    def now_ns(self) -> int:
        """Return the clock that `born_ns` is of."""
        return self._clock.mono_ns()

    def drop(self, key: Key) -> None:
        """Forget the session of a handshake that failed."""
        self._kept.pop(key, None)


class Resuming(ssl.SSLObject):
    """One connection's TLS, which leaves its session to the next one."""

    key: Key = ("", 0)
    born_ns = 0
    opened_ns = 0
    taken = False
    _sessions: Sessions | None = None
    _fresh = True

    def leave_to(self, sessions: Sessions, key: Key, born_ns: int | None) -> None:
        """Say where its session goes; `born_ns` is that of the one it was made with, if any."""
        self._sessions, self.key = sessions, key
        self.opened_ns = sessions.now_ns()
        self.born_ns = self.opened_ns if born_ns is None else born_ns

    def do_handshake(self) -> None:
        """Shake hands; a session that was offered in vain is not offered again."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self._sessions is not None:
                self._sessions.drop(self.key)
            raise

    def read(self, *arguments: Any) -> Any:
        """Read; the first bytes come after the tickets."""
        found = super().read(*arguments)
        if self._fresh:
            self._fresh = False
            if self._sessions is not None:
                self._sessions.opened(self)
        return found

    def __del__(self) -> None:
        """Leave the session behind; not at the end of the process, when nobody wants it."""
        if not (self._fresh or sys.is_finalizing()) and self._sessions is not None:
            self._sessions.ended(self)


class Context(ssl.SSLContext):
    """A client's context that verifies, and takes up sessions again."""

    sslobject_class = Resuming
    _sessions: Sessions

    def remember(self, sessions: Sessions) -> None:
        """Say where sessions are kept; before the first connection."""
        self._sessions = sessions

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  the library's signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin TLS on a connection, with the session of the last one if there is one."""
        key = str(server_hostname), PORT.get()
        found, born_ns = self._sessions.find(key)
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or found)
        if isinstance(made, Resuming):
            made.leave_to(self._sessions, key, born_ns)
        return made


def context_of(settings: Settings, sessions: Sessions) -> Context:
    """Return the context of all webhooks; raises Invalid for a file, naming option and file."""
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.remember(sessions)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if settings.ca_file:
        with _naming("ca_file", settings.ca_file):
            context.load_verify_locations(settings.ca_file)
    if bool(settings.client_certificate) != bool(settings.client_key):
        raise Invalid("client_key", "client_certificate and client_key go together")
    if settings.client_certificate:
        _readable("client_certificate", settings.client_certificate)
        _readable("client_key", settings.client_key)
        with _naming("client_certificate", settings.client_certificate):
            context.load_cert_chain(
                settings.client_certificate, settings.client_key, password=_no_password
            )
    return context


@contextlib.contextmanager
def _naming(option: str, file: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Invalid("client_key", "is not the key of client_certificate") from None
        raise Invalid(option, f"{file}: {error.reason or 'cannot be used'}") from None
    except OSError as error:
        raise Invalid(option, f"{file}: {error.strerror or error}") from None
    except ValueError:
        raise Invalid("client_key", "has a passphrase; give a key without one") from None


def _readable(option: str, file: str) -> None:
    """Raise Invalid that names the one of two files that is missing."""
    with _naming(option, file), Path(file).open("rb"):
        pass


def _no_password() -> str:
    raise ValueError


def trouble(error: BaseException) -> str:
    """Return what was wrong with TLS, in words that name no URL; empty for another error."""
    if isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    match error:
        case ssl.SSLCertVerificationError():
            return _with("the certificate was not accepted", _CERTIFICATE.get(error.verify_code))
        case ssl.SSLError():
            reason = str(error.reason or "")
            return _with(
                "no TLS connection",
                next((text for name, text in _ALERTS.items() if name in reason), None),
            )
        case ConnectionError(errno=None | errno.ECONNRESET | errno.EPIPE):
            # Connected, and closed in the midst of the handshake.
            return _with("no TLS connection", _BROKEN_OFF)
        case _:
            return ""


def _with(text: str, why: str | None) -> str:
    return f"{text}: {why}" if why else text
