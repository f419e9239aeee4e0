"""Rules of the compute face on servers and what belongs to them: Nova's names and defaults."""

from faultwire.policy.rule import ADMIN, ANYBODY, MEMBER_IN_PROJECT, READER_IN_PROJECT, Rule

ROOT = "/compute/v2.1"
SERVERS = f"{ROOT}/servers"
SERVER = f"{SERVERS}/{{server_id}}"
DETAIL = f"{SERVERS}/detail"
ACTION = (("POST", f"{SERVER}/action"),)
METADATA = f"{SERVER}/metadata"
ITEM = f"{METADATA}/{{key}}"
FLAVORS = f"{ROOT}/flavors"
ZONES = f"{ROOT}/os-availability-zone"
SHOWN = (("GET", SERVER), ("GET", DETAIL))

_SERVERS = "os_compute_api:servers"
_METADATA = "os_compute_api:server-metadata"

RULES: tuple[Rule, ...] = (
    Rule(f"{_SERVERS}:index", READER_IN_PROJECT, "List a project's servers.", (("GET", SERVERS),)),
    Rule(
        f"{_SERVERS}:detail",
        READER_IN_PROJECT,
        "List a project's servers with their details.",
        (("GET", DETAIL),),
    ),
    Rule(
        f"{_SERVERS}:index:get_all_tenants",
        ADMIN,
        "List the servers of all projects.",
        (("GET", SERVERS),),
    ),
    Rule(
        f"{_SERVERS}:detail:get_all_tenants",
        ADMIN,
        "List the servers of all projects with their details.",
        (("GET", DETAIL),),
    ),
    Rule(
        f"{_SERVERS}:allow_all_filters",
        ADMIN,
        "Filter servers by what only administrators know, as their host.",
        (("GET", SERVERS), ("GET", DETAIL)),
    ),
    Rule(f"{_SERVERS}:show", READER_IN_PROJECT, "Show a server.", (("GET", SERVER),)),
    Rule(
        f"{_SERVERS}:show:host_status",
        ADMIN,
        "See the host_status of servers, whatever it is.",
        SHOWN,
    ),
    Rule(
        f"{_SERVERS}:show:host_status:unknown-only",
        ADMIN,
        "See the host_status of servers where it is UNKNOWN.",
        SHOWN,
    ),
    Rule(
        "os_compute_api:os-extended-server-attributes",
        ADMIN,
        "See the hosts of servers and other attributes of theirs.",
        SHOWN,
    ),
    Rule(f"{_SERVERS}:create", MEMBER_IN_PROJECT, "Create servers.", (("POST", SERVERS),)),
    Rule(
        f"{_SERVERS}:create:forced_host",
        ADMIN,
        "Create servers on a named host, by the availability zone ZONE:HOST.",
        (("POST", SERVERS),),
    ),
    Rule(
        "compute:servers:create:requested_destination",
        ADMIN,
        "Create servers on a named host.",
        (("POST", SERVERS),),
    ),
    Rule(
        f"{_SERVERS}:update",
        MEMBER_IN_PROJECT,
        "Change a server's name and description.",
        (("PUT", SERVER),),
    ),
    Rule(f"{_SERVERS}:delete", MEMBER_IN_PROJECT, "Delete a server.", (("DELETE", SERVER),)),
    Rule(f"{_SERVERS}:start", MEMBER_IN_PROJECT, "Start a server.", ACTION),
    Rule(f"{_SERVERS}:stop", MEMBER_IN_PROJECT, "Stop a server.", ACTION),
    Rule(f"{_SERVERS}:reboot", MEMBER_IN_PROJECT, "Reboot a server.", ACTION),
    Rule(
        "os_compute_api:os-admin-actions:reset_state",
        ADMIN,
        "Set the state of a server to active or error.",
        ACTION,
    ),
    Rule(
        "os_compute_api:os-evacuate", ADMIN, "Evacuate a server from a host that is down.", ACTION
    ),
    Rule("os_compute_api:os-lock-server:lock", MEMBER_IN_PROJECT, "Lock a server.", ACTION),
    Rule("os_compute_api:os-lock-server:unlock", MEMBER_IN_PROJECT, "Unlock a server.", ACTION),
    Rule(
        "os_compute_api:os-lock-server:unlock:unlock_override",
        ADMIN,
        "Change a server that is locked.",
        ACTION,
    ),
    Rule(
        f"{_METADATA}:index", READER_IN_PROJECT, "List a server's metadata.", (("GET", METADATA),)
    ),
    Rule(f"{_METADATA}:show", READER_IN_PROJECT, "Show an item of it.", (("GET", ITEM),)),
    Rule(f"{_METADATA}:create", MEMBER_IN_PROJECT, "Add items to it.", (("POST", METADATA),)),
    Rule(f"{_METADATA}:update_all", MEMBER_IN_PROJECT, "Replace it.", (("PUT", METADATA),)),
    Rule(f"{_METADATA}:update", MEMBER_IN_PROJECT, "Set an item of it.", (("PUT", ITEM),)),
    Rule(f"{_METADATA}:delete", MEMBER_IN_PROJECT, "Remove an item of it.", (("DELETE", ITEM),)),
    Rule(
        "os_compute_api:flavors",
        ANYBODY,
        "List and show flavors.",
        (
            ("GET", FLAVORS),
            ("GET", f"{FLAVORS}/detail"),
            ("GET", f"{FLAVORS}/{{flavor_id}}"),
            ("GET", f"{FLAVORS}/{{flavor_id}}/os-extra_specs"),
        ),
    ),
    Rule(
        "os_compute_api:os-availability-zone:list",
        ANYBODY,
        "List availability zones.",
        (("GET", ZONES),),
    ),
    Rule(
        "os_compute_api:os-availability-zone:detail",
        ADMIN,
        "List availability zones with their hosts.",
        (("GET", f"{ZONES}/detail"),),
    ),
)
