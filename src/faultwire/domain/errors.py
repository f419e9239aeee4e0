"""The one error tree.

::

    FaultwireError
    ├── Refused                 the caller asked for what cannot be; asking again changes nothing
    │   ├── Invalid             a value is wrong; `field` names it                     (400)
    │   ├── Unauthenticated     no valid token or credential                           (401)
    │   ├── Forbidden           known caller, not allowed                              (403)
    │   │   └── OverQuota       there is no room for one more
    │   ├── NotFound            no such thing for this caller                          (404)
    │   ├── Conflict            the thing's present state forbids it                   (409)
    │   │   └── Stale           it changed since the caller saw it                     (412)
    │   ├── TooLarge            a body or a list over its limit                        (413)
    │   └── TooOften            asked more often than is allowed; `seconds` to wait    (429)
    ├── Unavailable             nothing was changed; the same call may succeed later   (503)
    │   └── Behind              another process changed what this one decided on
    ├── BmcTrouble              a host's management controller did not do what it was asked
    ├── RpcError                a call to another process failed; it says to whom and which
    │   ├── NoAnswer            nothing came back in time: it may have been done, or not
    │   ├── NoConsumer          nobody listens there: it was not done
    │   ├── RefusedVersion      the peer is older than the call, or newer: it was not done
    │   ├── RefusedArguments    the peer's door refused an argument: it was not done
    │   ├── RefusedSender       the peer's door did not believe who sent it: it was not done
    │   ├── BusDown             the bus cannot be reached, or refuses us: it was not done
    │   └── RemoteFailure       the peer tried and failed
    └── Broken                  a promise of our own does not hold: a defect
        └── IllegalMove         a state machine was asked for a move its table lacks

A door turns foreign errors into one of these; a face turns them into its own error body.
"""


class FaultwireError(Exception):
    """Root of every error that Faultwire raises on purpose; `str()` is fit for an API answer."""

    def __init__(self, message: str = "", detail: str = "") -> None:
        """Take what callers may read, and what operators read in its place."""
        super().__init__(message)
        self._detail = detail

    @property
    def detail(self) -> str:
        """What operators read in a log: it may name machines that callers must not learn."""
        return self._detail or str(self)


class Refused(FaultwireError):
    """The request cannot be granted and repeating it will not help."""


class Invalid(Refused):
    """A value is wrong.

    `field` is the path of the value as the caller wrote it (``events[3].details.hostname``).
    """

    def __init__(self, field: str, reason: str) -> None:
        """Keep the path and the reason apart, so that a face can show both."""
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[type["Invalid"], tuple[str, str]]:
        """Let it come out of a child process as it went in."""
        return type(self), (self.field, self.reason)


class Unauthenticated(Refused):
    """No token or credential, or one that is unknown, expired or revoked."""


class Forbidden(Refused):
    """The caller is known and may not do this."""


class OverQuota(Forbidden):
    """The caller may do this, and has done it as often as it may."""


class NotFound(Refused):
    """No such thing, or none that this caller may know of."""


class Conflict(Refused):
    """The present state of the thing forbids the request."""


class Stale(Conflict):
    """The thing has changed since the caller last saw it."""


class TooLarge(Refused):
    """A body or a list is over its limit."""


class TooOften(Refused):
    """The caller may do this, and did it too often lately; `seconds` is how long to wait."""

    def __init__(self, message: str, seconds: int) -> None:
        """Take what callers may read, which says how long to wait too."""
        super().__init__(message)
        self.seconds = seconds


class Unavailable(FaultwireError):
    """Nothing was changed and nothing was promised; the same call may succeed later."""


class Behind(Unavailable):
    """Another process changed what was decided on: catch up with it and decide again."""


class Broken(FaultwireError):
    """A promise of our own does not hold; always a defect, never the caller's fault."""


class IllegalMove(Broken):
    """A state machine was asked for a move that its table does not have."""


class BmcTrouble(FaultwireError):
    """A management controller cannot be reached, refuses us, or says what makes no sense.

    `kind` is one of unreachable, certificate, credentials, refused, unsupported, protocol.
    """

    def __init__(self, kind: str, words: str) -> None:
        """Take the kind, and what operators read: never a password."""
        super().__init__(words)
        self.kind = kind


class RpcError(FaultwireError):
    """A call to another process did not succeed.

    `topic` is where it was sent and `method` what was called; `reason` is fit for an operator.
    """

    verdict = "failed"
    """Word for what happened, as the bulk answers and metrics name it."""

    def __init__(self, topic: str, method: str, reason: str) -> None:
        """Take the three parts; the text holds them all."""
        super().__init__(f"{method} to {topic}: {reason}")
        self.topic = topic
        self.method = method
        self.reason = reason

    def __reduce__(self) -> tuple[type["RpcError"], tuple[str, str, str]]:
        """Let it come out of another process as it went in."""
        return type(self), (self.topic, self.method, self.reason)


class NoAnswer(RpcError):
    """Nothing came back within the deadline: whether it was done is not known."""

    verdict = "timeout"


class NoConsumer(RpcError):
    """Nobody listens at the topic; it was not done."""

    verdict = "no consumer"


class RefusedVersion(RpcError):
    """The call's form is not one that the peer speaks; it was not done."""

    verdict = "refused version"


class RefusedArguments(RpcError):
    """An argument is unknown, missing, of the wrong type or too large; it was not done."""

    verdict = "refused arguments"


class RefusedSender(RpcError):
    """Who sent the call did not prove who it is, or may not call this; it was not done."""

    verdict = "refused sender"


class BusDown(RpcError):
    """The bus cannot be reached, or it refuses our credentials; it was not done."""

    verdict = "bus down"


class RemoteFailure(RpcError):
    """The peer took the call and its own work failed; `reason` is what it said."""

    verdict = "failed"
