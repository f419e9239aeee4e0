"""Names of traces and spans: the fault is the trace, each webhook a span of it (W3C's context)."""

import hashlib
import re

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_INVALID = "0" * 16


def trace_id(name: str) -> str:
    """Return 32 hexadecimal digits: a UUID's own, else those of a hash; never all zero."""
    if _UUID(name):
        digits = name.replace("-", "")
        if digits[:16] != _INVALID and digits[16:] != _INVALID:
            return digits
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def span_id(name: str) -> str:
    """Return the 16 digits that name the span of a delivery."""
    return trace_id(name)[:16]


def fault_span_id(fault_id: str) -> str:
    """Return the 16 digits that name the span of a whole fault, the first of its trace."""
    return trace_id(fault_id)[16:]


def traceparent(fault_id: str | None, name: str) -> str:
    """Return the context that goes with a message: its fault is the trace, itself the span."""
    return f"00-{trace_id(fault_id or name)}-{span_id(name)}-01"
