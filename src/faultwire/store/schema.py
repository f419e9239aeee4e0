"""All tables, those of the inventory from the page beside.

Times are nanoseconds since the epoch (`_ns`). Lists and records that no statement looks into are
JSON, NULL where there is nothing. There are no foreign keys: one lane decides on the whole state
and writes the rows of one decision in any order; what goes with what is removed by the writers.
A migration under `migrations` makes exactly these tables; a test compares the two.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    Index,
    Integer,
    UniqueConstraint,
)

from faultwire.store.columns import (
    BYTES,
    ID,
    PROSE,
    WORD,
)
from faultwire.store.columns import filled as _set
from faultwire.store.columns import key as _key
from faultwire.store.columns import maybe as _maybe
from faultwire.store.columns import numbered as _drawn
from faultwire.store.columns import table as _table
from faultwire.store.schema_guards import acts, hold, windows
from faultwire.store.schema_inventory import (
    evacuations,
    guests,
    hosts,
    imports,
    networks,
    owed_statuses,
    ports,
    projects,
    servers,
    subnets,
    switches,
    tasks,
)
from faultwire.store.schema_remote import held_events, remote_acts
from faultwire.store.schema_signals import fencings, unmapped_alerts

__all__ = [
    "acts",
    "evacuations",
    "fencings",
    "guests",
    "held_events",
    "hold",
    "hosts",
    "imports",
    "networks",
    "owed_statuses",
    "ports",
    "projects",
    "remote_acts",
    "servers",
    "subnets",
    "switches",
    "tasks",
    "unmapped_alerts",
    "windows",
]
"""What is the inventory's or the guards' and is found here too."""

# ---------------------------------------------------------------- faults

faults = _table(
    "faults",
    _key("id", ID),
    _set("identity", PROSE),
    _set("type"),
    _maybe("host"),
    _set("state", WORD),
    _set("opened_ns", BigInteger),
    _set("updated_ns", BigInteger),
    _maybe("closed_ns", BigInteger),
    # Type, resource, evidence, plan and decisions: see `codec`.
    _set("record", JSON),
    Index(None, "opened_ns", "id"),
    Index(None, "host", "opened_ns", "id"),
    Index(None, "state", "opened_ns", "id"),
)

causes = _table(
    "causes",
    # Causes of one resource are taken oldest first, also after a restart.
    _drawn("sequence"),
    _set("kind", WORD),
    _set("resource"),
    _set("fault_id", ID),
    _set("wanted", WORD),
    _set("prior", WORD),
    _set("prior_power", WORD),
    _set("revision", BigInteger),
    _set("awaiting_report", Boolean),
    UniqueConstraint("kind", "resource", "fault_id"),
)

checkpoints = _table(
    "checkpoints",
    # Each process writes its own row of a fault and no other's; `origin` is empty for a process
    # that is alone with its database.
    _key("fault_id", ID),
    _key("origin", ID),
    _set("marks", JSON),
)

# ---------------------------------------------------------------- alarms

alarms = _table(
    "alarms",
    _key("id"),
    _set("project_id"),
    _set("user_id"),
    _set("name"),
    _set("type", WORD),
    _set("description", PROSE),
    _set("enabled", Boolean),
    _set("severity", WORD),
    _set("state", WORD),
    _set("state_reason", PROSE),
    _set("state_ns", BigInteger),
    _set("updated_ns", BigInteger),
    _set("repeat_actions", Boolean),
    _set("rule", JSON),
    _maybe("actions", JSON),
    _maybe("time_constraints", JSON),
    _maybe("resource_id"),
    _set("version", BigInteger),
    Index(None, "updated_ns", "id"),
    Index(None, "project_id", "updated_ns", "id"),
)

alarm_history = _table(
    "alarm_history",
    # A row is named by what it tells, so that telling it twice leaves one. `version` is the
    # alarm's after a transition and 0 for other kinds.
    _key("alarm_id"),
    _key("at_ns", BigInteger),
    _key("version", BigInteger),
    _key("kind", WORD),
    _set("project_id"),
    _set("user_id"),
    _set("detail", PROSE),
    # What is too old is found by it.
    Index(None, "at_ns"),
    sqlite_with_rowid=False,
)

outbox = _table(
    "outbox",
    _key("id", ID),
    _set("kind", WORD),
    # Project and destination (the whole URL) are slowed down, capped and backed off as one.
    _set("project_id"),
    _set("destination", PROSE),
    _set("ordering"),
    _set("payload", BYTES),
    _maybe("fault_id", ID),
    _set("attempt", Integer),
    _set("next_ns", BigInteger),
    _set("created_ns", BigInteger),
    _set("state", WORD),
    _maybe("attempted_ns", BigInteger),
    _maybe("outcome", PROSE),
    _maybe("status", Integer),
    _maybe("lease_owner"),
    _maybe("lease_until_ns", BigInteger),
    # Part of the outbox, by project and destination: what one sender owns at a time.
    _set("share", Integer, server_default="0"),
    # The commit that queued it (see `commits`); 0 where one process is alone.
    _set("seq", BigInteger, server_default="0"),
    Index(None, "state", "created_ns", "id"),
    Index(None, "project_id", "state", "created_ns", "id"),
    Index(None, "share", "seq", "created_ns"),
)

quotas = _table("quotas", _key("project_id"), _key("resource", WORD), _set("most", Integer))

subscriptions = _table(
    "subscriptions",
    _key("id", ID),
    _set("project_id"),
    _set("user_id"),
    _set("name"),
    _set("callback", PROSE),
    _set("filter", JSON),
    _set("created_ns", BigInteger),
    Index(None, "created_ns", "id"),
    Index(None, "project_id", "created_ns", "id"),
)

watches = _table(
    "watches",
    # What a subscriber was last told of a resource.
    _key("alarm_id", ID),
    _set("subscription_id", ID),
    _set("project_id"),
    _set("kind", WORD),
    _set("resource"),
    _set("severity", WORD),
    _set("version", BigInteger),
    _set("at_ns", BigInteger),
    Index(None, "subscription_id"),
)

samples = _table(
    "samples",
    _key("meter"),
    _key("project_id"),
    _key("resource"),
    _key("at_ns", BigInteger),
    _set("value", Double),
    # Of all resources of a project, those of the last minutes.
    Index(None, "meter", "project_id", "at_ns"),
    # What is too old is found by it.
    Index(None, "at_ns"),
    sqlite_with_rowid=False,
)

webhook_secrets = _table(
    "webhook_secrets",
    _key("project_id"),
    # 0 is the newest.
    _key("position", Integer),
    _set("secret"),
    _set("created_ns", BigInteger),
)

# ---------------------------------------------------------------- several processes

commits = _table(
    "commits",
    # One row. Who commits raises its numbers last of all and holds it until the commit, so that
    # the numbers are in the order of the commits and no reader sees a later one first.
    _key("id", Integer),
    _set("seq", BigInteger),
    _set("decisions", BigInteger),
    _set("alarm_edits", BigInteger),
)

journal = _table(
    "journal",
    # What each commit changed, for the memory of the other processes; a large one has parts.
    _key("seq", BigInteger),
    _key("part", Integer),
    # What the payload is about; empty for a row without one.
    _set("topic", WORD),
    _set("origin", ID),
    _set("decisions", BigInteger),
    _set("alarm_edits", BigInteger),
    _set("written_ns", BigInteger),
    _set("payload", BYTES),
)

owed_events = _table(
    "owed_events",
    # Events that an evaluator has yet to look at; `share` is part of the projects.
    _key("seq", BigInteger),
    _key("share", Integer),
    _set("payload", BYTES),
)

members = _table(
    "members",
    # Processes on this database; one whose `beats` stand still is gone.
    _key("id", ID),
    _set("role", WORD),
    _set("name"),
    _set("address"),
    _set("started_ns", BigInteger),
    _set("beats", BigInteger),
)

shares = _table(
    "shares",
    # Who works on which part; `epoch` grows with every change of hands.
    _key("kind", WORD),
    _key("number", Integer),
    _maybe("owner", ID),
    _set("epoch", BigInteger),
)

agent_sessions = _table("agent_sessions", _key("host"), _set("member", ID), _set("session", ID))

shared_keys = _table("shared_keys", _key("name", WORD), _set("value"))

# ---------------------------------------------------------------- accounts

users = _table(
    "users",
    _key("id"),
    _set("name"),
    _set("password_hash"),
    _set("password_ns", BigInteger),
    _set("enabled", Boolean),
    _maybe("default_project_id"),
    UniqueConstraint("name"),
)

assignments = _table("assignments", _key("user_id"), _key("project_id"), _key("role", WORD))

revocations = _table("revocations", _key("token_id"), _set("expires_ns", BigInteger))

credentials = _table(
    "credentials",
    _key("kind", WORD),
    _key("name"),
    _set("id"),
    _set("secret_sha256"),
    _set("created_ns", BigInteger),
)

audit = _table(
    "audit",
    _drawn("sequence"),
    # Of the whole line, so that writing it twice leaves one and no two lines are taken for one.
    _set("digest", ID),
    _set("at_ns", BigInteger),
    _set("user_id"),
    _set("project_id"),
    _set("source"),
    _set("action"),
    _set("target", PROSE),
    _set("detail", PROSE),
    UniqueConstraint("digest"),
)

metadata = projects.metadata
"""All of these tables."""
