"""Rules of the fault face.

An enrolled credential may report for its own name and hold its own connection; the face sees to
that, no rule is asked. Everything else here is asked for whoever has a token.
"""

from faultwire.policy.rule import ADMIN, ANYBODY, MEMBER_IN_PROJECT, Rule

RULES = (
    Rule(
        "events:post",
        "rule:admin_required or role:service",
        "Report faults and their clears.",
        (("PUT|POST", "/fault/v1/events"), ("PUT|POST", "/fault/v1/event")),
    ),
    Rule(
        "notifications:post",
        "rule:admin_required or role:service",
        "Bring what a listener heard on the message bus.",
        (("POST", "/fault/v1/notifications"),),
    ),
    Rule("faults:list", ADMIN, "List faults.", (("GET", "/fault/v1/faults"),)),
    Rule(
        "faults:get",
        ADMIN,
        "Show a fault with its evidence, plan, decisions and timeline.",
        (
            ("GET", "/fault/v1/faults/{id}"),
            ("GET", "/fault/v1/faults/{id}/timeline"),
            ("GET", "/fault/v1/faults/{id}/explanation"),
        ),
    ),
    Rule("faults:close", ADMIN, "Close a fault.", (("POST", "/fault/v1/faults/{id}/close"),)),
    Rule(
        "faults:act",
        ADMIN,
        "Have done what guards refused for a fault.",
        (("POST", "/fault/v1/faults/{id}/act"),),
    ),
    Rule(
        "acts:get",
        ADMIN,
        "See whether acts are held, the windows, and what was done lately.",
        (("GET", "/fault/v1/acts"),),
    ),
    Rule(
        "acts:hold",
        ADMIN,
        "Hold all acts at once, and let them go on.",
        (("PUT", "/fault/v1/acts/hold"),),
    ),
    Rule("windows:list", ADMIN, "List maintenance and silences.", (("GET", "/fault/v1/windows"),)),
    Rule(
        "windows:create",
        ADMIN,
        "Plan a maintenance, or silence.",
        (("POST", "/fault/v1/windows"),),
    ),
    Rule(
        "windows:delete",
        ADMIN,
        "End a maintenance or a silence.",
        (("DELETE", "/fault/v1/windows/{id}"),),
    ),
    Rule(
        "marks:post",
        MEMBER_IN_PROJECT,
        "Report when an alarm was received and handled, by the project of its delivery.",
        (("POST", "/fault/v1/faults/{id}/marks"),),
    ),
    Rule("inventory:get", ADMIN, "Read the inventory.", (("GET", "/fault/v1/inventory"),)),
    Rule(
        "inventory:put",
        ADMIN,
        "Replace or extend the inventory.",
        (("PUT|PATCH", "/fault/v1/inventory"),),
    ),
    Rule(
        "hosts:list",
        ADMIN,
        "List hosts with their state, and show what is known of an agent.",
        (
            ("GET", "/fault/v1/hosts"),
            ("GET", "/fault/v1/hosts/{name}"),
            ("GET", "/fault/v1/hosts/{name}/evacuated"),
            ("GET", "/fault/v1/agents/{host}"),
        ),
    ),
    Rule(
        "hosts:confirm",
        ADMIN,
        "Confirm that old copies of evacuated servers are gone from a host.",
        (("POST", "/fault/v1/hosts/{name}/confirm"),),
    ),
    Rule(
        "sources:enrol",
        ADMIN,
        "Get a credential for a source of alerts, and make it void.",
        (("POST|DELETE", "/fault/v1/sources/{name}/enrol"),),
    ),
    Rule(
        "alerts:list",
        ADMIN,
        "See which alerts no row of the mapping fits, and how the mapping stands.",
        (("GET", "/fault/v1/alerts/unmapped"), ("GET", "/fault/v1/alerts/mapping")),
    ),
    Rule(
        "alerts:forget",
        ADMIN,
        "Dismiss alerts that no row of the mapping fits.",
        (("DELETE", "/fault/v1/alerts/unmapped"),),
    ),
    Rule(
        "fencings:list",
        ADMIN,
        "See what is known of hosts' power.",
        (("GET", "/fault/v1/fencings"),),
    ),
    Rule(
        "hosts:fence",
        ADMIN,
        "Switch hosts off and on.",
        (
            ("POST", "/fault/v1/hosts/{name}/fence"),
            ("POST", "/fault/v1/hosts/{name}/unfence"),
        ),
    ),
    Rule(
        "hosts:evacuate",
        ADMIN,
        "Evacuate the servers of a dead host, as a task.",
        (("POST", "/fault/v1/hosts/{name}/evacuate"),),
    ),
    Rule(
        "guests:list",
        ADMIN,
        "List guests with their state, and show what is known of an agent.",
        (
            ("GET", "/fault/v1/guests"),
            ("GET", "/fault/v1/guests/{guest_id}"),
            ("GET", "/fault/v1/agents/guests/{guest}"),
        ),
    ),
    Rule(
        "guests:enrol",
        ADMIN,
        "Get a credential for the agent of a guest, and make it void.",
        (("POST|DELETE", "/fault/v1/agents/guests/{guest}/enrol"),),
    ),
    Rule(
        "guests:restart",
        ADMIN,
        "Restart a guest, as a task.",
        (("POST", "/fault/v1/guests/{guest_id}/restart"),),
    ),
    Rule(
        "guests:diagnostics",
        ADMIN,
        "Ask a guest's agent for figures of itself.",
        (("GET", "/fault/v1/guests/{guest_id}/diagnostics"),),
    ),
    Rule(
        "tasks:get",
        ADMIN,
        "See tasks and how far they are.",
        (("GET", "/fault/v1/tasks"), ("GET", "/fault/v1/tasks/{task_id}")),
    ),
    Rule(
        "monitors:enrol",
        ADMIN,
        "Get a credential for a monitor, and make it void.",
        (("POST|DELETE", "/fault/v1/monitors/{name}/enrol"),),
    ),
    Rule(
        "monitors:list",
        ADMIN,
        "List monitors and how they stand.",
        (("GET", "/fault/v1/monitors"),),
    ),
    Rule(
        "agents:enrol",
        ADMIN,
        "Get a credential for the agent of a host, and make it void.",
        (("POST|DELETE", "/fault/v1/agents/{host}/enrol"),),
    ),
    Rule(
        "status:get",
        ADMIN,
        "Look at the installation: processes, database, backlog.",
        (("GET", "/fault/v1/status"),),
    ),
    Rule("latency:get", ADMIN, "See how long each span took.", (("GET", "/fault/v1/latency"),)),
    Rule("catalogue:list", ANYBODY, "List types of faults.", (("GET", "/fault/v1/catalogue"),)),
    Rule("audit:list", ADMIN, "Read the audit record.", (("GET", "/fault/v1/audit"),)),
)
