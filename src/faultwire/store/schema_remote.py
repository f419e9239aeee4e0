"""The tables of what clouds are owed; `schema` names them with all others."""

from sqlalchemy import BigInteger, Index

from faultwire.store.columns import BYTES, ID, PROSE, WORD
from faultwire.store.columns import filled as _set
from faultwire.store.columns import key as _key
from faultwire.store.columns import maybe as _maybe
from faultwire.store.columns import table as _table

remote_acts = _table(
    "remote_acts",
    _key("id", ID),
    _set("cloud"),
    _set("kind", WORD),
    _set("target"),
    _set("wanted", WORD),
    _maybe("fault_id", ID),
    _set("asked_ns", BigInteger),
    _set("state", WORD),
    _set("settled_ns", BigInteger),
    _set("detail", PROSE),
    _set("origin", server_default=""),
    _set("place", server_default=""),
    Index(None, "state", "asked_ns"),
    Index(None, "fault_id", "state"),
)

held_events = _table(
    "held_events",
    # Events that owners hear of once acts of their fault are over; `payload` as in the journal.
    _key("id", ID),
    _set("fault_id", ID),
    _set("phases", PROSE),
    _set("held_ns", BigInteger),
    _set("payload", BYTES),
)
