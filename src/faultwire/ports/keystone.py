"""The port of a Keystone that is not ours: whose a token is, and what is done in a user's name."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class KeystoneApi(Protocol):
    """Asynchronous; every call ends within a deadline. Raises Unavailable where none came back."""

    async def token(self, subject: str) -> Mapping[str, Any]:
        """Return what Keystone says of a token, as its version 3 does, the catalogue left out.

        Raises NotFound for one that is unknown, has ended or was revoked.
        """

    async def create_trust(
        self, token: str, *, user: str, project: str, roles: Iterable[str]
    ) -> str:
        """Have a user trust us with some roles in a project, by the user's token; return its id.

        Raises Forbidden where that token may not, Invalid where we cannot be trusted.
        """

    async def delete_trust(self, trust: str, token: str) -> None:
        """Delete a trust by its user's token, or by ours; one that is gone is no error."""

    async def trust_token(self, trust: str) -> tuple[str, int]:
        """Return a token of who made a trust, and the wall time in ns at which it ends.

        Raises NotFound where the trust, or who made it, is not there any more.
        """


class TrustTokens(Protocol):
    """Tokens of those who trust us, kept ready; belongs to the event loop."""

    def warm(self, trust: str) -> None:
        """Fetch the token of a trust in the background unless it is there."""

    async def token(self, trust: str) -> str:
        """Return a token of a trust; raises NotFound where it is gone, Unavailable."""
