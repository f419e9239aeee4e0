"""What went wrong with a broker, in words for the operator; it repeats no password."""

import socket

REFUSALS = ("ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED")
"""Words of a broker that is there and does not want what we ask: asking again changes nothing."""

LONGEST = 300

TLS_REFUSALS = {
    "CERTIFICATE_VERIFY_FAILED": "the broker's certificate is not to be trusted",
    "CERTIFICATE_REQUIRED": "the broker wants a certificate of ours: ssl_cert_file",
    "HANDSHAKE_FAILURE": "the broker wants another TLS than ours, or a certificate of ours",
    "WRONG_VERSION_NUMBER": "the broker speaks no TLS on that port",
    "RECORD_LAYER_FAILURE": "the broker speaks no TLS on that port",
    "UNKNOWN_CA": "the broker does not trust our certificate",
}
"""Words of OpenSSL about a TLS that cannot come about until somebody changes something."""
_SAYS_WHY = frozenset({"CERTIFICATE_VERIFY_FAILED"})


def told(error: BaseException) -> tuple[str, bool]:
    """Return what is wrong, and whether the broker refused us rather than being away."""
    text = " ".join(str(error).split())[:LONGEST] or type(error).__name__
    refused = any(word in text for word in REFUSALS)
    if refused and "Login was refused" in text:
        return "the broker refuses the user or the password of [DEFAULT] transport_url", True
    if refused:
        return f"the broker refuses: {text}", True
    for word, meaning in TLS_REFUSALS.items():
        if word in text:
            return f"{meaning}: {text}" if word in _SAYS_WHY else meaning, True
    if isinstance(error, TimeoutError | socket.timeout):
        return "the broker does not answer", False
    return f"the broker is away: {text}", False
