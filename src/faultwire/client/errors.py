"""What a server's refusal says, whichever face wrote it."""

from collections.abc import Mapping

LONGEST_MESSAGE = 400


class ClientError(Exception):
    """A call did not succeed; `status` is the HTTP status, None where no answer came."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the message as a person should read it."""
        super().__init__(message)
        self.status = status


def message_of(status: int, body: object) -> str:
    """Return the sentence in an error body of any face; the status where there is none."""
    text = _sentence(body)
    if not text and isinstance(body, str):
        text = body.strip()
    return f"{text[:LONGEST_MESSAGE]} (HTTP {status})" if text else f"HTTP {status}"


def _sentence(body: object) -> str:
    """Look below the keys that Keystone, Nova, Aodh, Neutron and we use."""
    if not isinstance(body, Mapping):
        return ""
    for key in ("message", "faultstring", "detail", "error"):
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
    for value in body.values():
        found = _sentence(value)
        if found:
            return found
    return ""
