"""The tables of power, fencing and alerts; `schema` names them with all others."""

from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer

from faultwire.store.columns import ID, PROSE, WORD
from faultwire.store.columns import filled as _set
from faultwire.store.columns import key as _key
from faultwire.store.columns import maybe as _maybe
from faultwire.store.columns import table as _table

fencings = _table(
    "fencings",
    # What is known of a host's power, and what is owed to be done about it: one row a host.
    _key("host"),
    _set("id"),
    _set("wanted", WORD),
    _set("state", WORD),
    _set("why", PROSE),
    _set("asked_ns", BigInteger),
    _maybe("fault_id", ID),
    _set("asked_by"),
    _set("holder"),
    _set("attempt", Integer),
    _set("error", PROSE),
    _maybe("settled_ns", BigInteger),
    _maybe("proof", JSON),
)

unmapped_alerts = _table(
    "unmapped_alerts",
    _key("id"),
    _set("source"),
    _set("name"),
    _set("labels", JSON),
    _set("firing", Boolean),
    _set("why", PROSE),
    _set("count", BigInteger),
    _set("first_ns", BigInteger),
    _set("last_ns", BigInteger),
    Index(None, "last_ns"),
)
