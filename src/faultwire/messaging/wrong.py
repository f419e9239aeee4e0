"""What went wrong with a broker, in words for the operator; it repeats no password."""

import socket

REFUSALS = ("ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED")
"""Words of a broker that is there and does not want what we ask: asking again changes nothing."""

LONGEST = 300


def told(error: BaseException) -> tuple[str, bool]:
    """Return what is wrong, and whether the broker refused us rather than being away."""
    text = " ".join(str(error).split())[:LONGEST] or type(error).__name__
    refused = any(word in text for word in REFUSALS)
    if refused and "Login was refused" in text:
        return "the broker refuses the user or the password of [DEFAULT] transport_url", True
    if refused:
        return f"the broker refuses: {text}", True
    if isinstance(error, TimeoutError | socket.timeout):
        return "the broker does not answer", False
    return f"the broker is away: {text}", False
