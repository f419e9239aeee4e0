"""The tables of the inventory; `schema` names them with all others."""

from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer, false

from faultwire.store.columns import BYTES, ID, PROSE, WORD
from faultwire.store.columns import filled as _set
from faultwire.store.columns import key as _key
from faultwire.store.columns import maybe as _maybe
from faultwire.store.columns import table as _table

projects = _table("projects", _key("id"), _set("name"))

hosts = _table(
    "hosts",
    _key("name"),
    _maybe("addresses", JSON),
    _maybe("zone"),
    _maybe("rack"),
    _maybe("aggregates", JSON),
    _maybe("bmc", JSON),
    _maybe("interfaces", JSON),
    _set("forced_down", Boolean),
    _set("disabled", Boolean),
    _maybe("disabled_reason", PROSE),
    _set("monitored", Boolean),
    _set("agent", WORD),
    _set("revision", BigInteger),
    # Written in batches by `Ledger.seen`, never with the host.
    _maybe("last_seen_ns", BigInteger),
    _set("maintenance", Boolean, server_default=false()),
)

switches = _table("switches", _key("name"), _maybe("uplinks", JSON))

servers = _table(
    "servers",
    _key("id"),
    _set("name"),
    _set("project_id"),
    _set("host"),
    _set("vm_state", WORD),
    _set("power_state", WORD),
    _maybe("task_state"),
    _maybe("monitored", Boolean),
    _maybe("metadata", JSON),
    _maybe("addresses", JSON),
    _set("revision", BigInteger),
    _set("updated_ns", BigInteger, server_default="0"),
    # What clients ask of it and no fault changes: most servers have the same.
    _maybe("about", JSON),
    Index(None, "host"),
)

evacuations = _table(
    "evacuations",
    # Servers that left a dead host, and whose old copies may still be there.
    _key("host"),
    _key("server_id"),
    _set("target"),
    _set("at_ns", BigInteger),
)

owed_statuses = _table(
    "owed_statuses",
    # Changes of a host's host_status that owners of its servers have yet to hear of. Those up to
    # the server in `told`, in the order of ids, have heard.
    _key("id", ID),
    _set("host"),
    _set("old_status", WORD),
    _set("new_status", WORD),
    _set("at_ns", BigInteger),
    _set("told"),
)

ports = _table(
    "ports",
    _key("id"),
    _set("project_id"),
    _set("name"),
    _maybe("server_id"),
    _maybe("host"),
    _maybe("network"),
    _maybe("physical_network"),
    _set("status", WORD),
    _maybe("addresses", JSON),
    _maybe("data_plane_status", WORD),
    _set("revision", BigInteger),
    # Why it has that status and what comes back; what clients say of it.
    _maybe("data_plane", JSON),
    _maybe("details", JSON),
)

networks = _table(
    "networks",
    _key("id"),
    _set("project_id"),
    _set("name"),
    _set("description", PROSE),
    _set("admin_state_up", Boolean),
    _set("shared", Boolean),
    _set("external", Boolean),
    _maybe("physical_network"),
    _maybe("network_type", WORD),
    _maybe("segmentation_id", Integer),
    _set("mtu", Integer),
    _set("created_ns", BigInteger),
    _set("updated_ns", BigInteger),
    _set("revision", BigInteger),
)

subnets = _table(
    "subnets",
    _key("id"),
    _set("network_id"),
    _set("project_id"),
    _set("cidr", ID),
    _set("name"),
    _set("description", PROSE),
    _maybe("gateway_ip", ID),
    _set("enable_dhcp", Boolean),
    _set("created_ns", BigInteger),
    _set("updated_ns", BigInteger),
    _set("revision", BigInteger),
)

guests = _table(
    "guests",
    _key("id"),
    _set("name"),
    _set("project_id"),
    _maybe("server_id"),
    _set("state", WORD),
    _set("agent", WORD, server_default="never"),
    _set("version", WORD, server_default=""),
    _set("service_status", WORD, server_default=""),
    # Written in batches by `Ledger.guests_heard`, never with the guest.
    _maybe("last_heard_ns", BigInteger),
)

tasks = _table(
    "tasks",
    _key("id", ID),
    _set("kind", WORD),
    _set("target"),
    _set("user_id"),
    _set("project_id"),
    _set("source"),
    _set("created_ns", BigInteger),
    _set("updated_ns", BigInteger),
    _set("state", WORD),
    _set("total", Integer),
    _set("done", Integer),
    _set("failed", Integer),
    _maybe("failures", JSON),
    _set("detail", PROSE),
    _set("starts", Integer),
    _maybe("targets", JSON),
    _set("no_fence", Boolean, server_default=false()),
    Index(None, "created_ns", "id"),
)

imports = _table(
    "imports",
    # Large imports under way, as they came, in pieces. Part 0 is written last and promises that
    # the import will be done, whatever happens meanwhile.
    _key("id", ID),
    _key("part", Integer),
    _set("payload", BYTES),
)
