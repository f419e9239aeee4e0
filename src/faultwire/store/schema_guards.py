"""Tables of what guards look at."""

from sqlalchemy import JSON, BigInteger, Boolean, Index

from faultwire.store.columns import ID, PROSE, WORD, table
from faultwire.store.columns import filled as _set
from faultwire.store.columns import key as _key
from faultwire.store.columns import maybe as _maybe

hold = table(
    "acts_hold",
    # One row: whether an operator stopped all acts.
    _key("id", WORD),
    _set("held", Boolean),
    _set("reason", PROSE),
    _set("by_user"),
    _set("since_ns", BigInteger),
)

windows = table(
    "acts_windows",
    _key("id", ID),
    _set("kind", WORD),
    _set("from_ns", BigInteger),
    _set("to_ns", BigInteger),
    _set("matches", JSON),
    _set("reason", PROSE),
    _set("by_user"),
    _set("created_ns", BigInteger),
)

acts = table(
    "acts",
    _key("id", ID),
    _set("at_ns", BigInteger),
    _set("kind", WORD),
    _set("host"),
    _maybe("fault_id", ID),
    _set("asked_by"),
    _set("shadow", Boolean),
    Index(None, "at_ns"),
)
