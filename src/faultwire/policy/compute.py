"""Rules of the compute face: Nova's names and defaults.

A row says for every path below ``/compute/v2.1``; the form with a project's id asks the same.
"""

from faultwire.policy import compute_fping, compute_servers
from faultwire.policy.rule import ADMIN, MEMBER_IN_PROJECT, READER_IN_PROJECT, Rule

ROOT = "/compute/v2.1"
SERVICES = f"{ROOT}/os-services"
HOSTS = f"{ROOT}/os-hosts"
HYPERVISORS = f"{ROOT}/os-hypervisors"

RULES = (
    # Names that policy files written for Nova refer to.
    Rule("context_is_admin", ADMIN, "Administrators, by Nova's name."),
    Rule(
        "admin_or_owner",
        "rule:admin_required or project_id:%(project_id)s",
        "Administrators, and whoever has a token of the project.",
    ),
    Rule("project_reader_or_admin", READER_IN_PROJECT, "Readers of the project, administrators."),
    Rule("project_member_or_admin", MEMBER_IN_PROJECT, "Members of the project, administrators."),
    Rule(
        "os_compute_api:os-services:list",
        ADMIN,
        "List the services of hosts.",
        (("GET", SERVICES),),
    ),
    Rule(
        "os_compute_api:os-services:update",
        ADMIN,
        "Force a host's service down or take that back, disable or enable it.",
        (
            ("PUT", f"{SERVICES}/{{service_id}}"),
            ("PUT", f"{SERVICES}/force-down"),
            ("PUT", f"{SERVICES}/enable"),
            ("PUT", f"{SERVICES}/disable"),
            ("PUT", f"{SERVICES}/disable-log-reason"),
        ),
    ),
    Rule(
        "os_compute_api:os-services:delete",
        ADMIN,
        "Delete the service of a host, and the host, where no server stands.",
        (("DELETE", f"{SERVICES}/{{service_id}}"),),
    ),
    Rule("os_compute_api:os-hosts:list", ADMIN, "List hosts.", (("GET", HOSTS),)),
    Rule(
        "os_compute_api:os-hosts:show",
        ADMIN,
        "Show what a host has and who uses it.",
        (("GET", f"{HOSTS}/{{host_name}}"),),
    ),
    Rule(
        "os_compute_api:os-hosts:update",
        ADMIN,
        "Enable or disable a host, and report it down with its servers.",
        (("PUT", f"{HOSTS}/{{host_name}}"),),
    ),
    Rule(
        "os_compute_api:os-hosts:start",
        ADMIN,
        "Ask to start a host: learn that nobody here can.",
        (("GET", f"{HOSTS}/{{host_name}}/startup"),),
    ),
    Rule(
        "os_compute_api:os-hosts:shutdown",
        ADMIN,
        "Ask to shut a host down: learn that nobody here can.",
        (("GET", f"{HOSTS}/{{host_name}}/shutdown"),),
    ),
    Rule(
        "os_compute_api:os-hosts:reboot",
        ADMIN,
        "Ask to reboot a host: learn that nobody here can.",
        (("GET", f"{HOSTS}/{{host_name}}/reboot"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:list",
        ADMIN,
        "List hypervisors.",
        (("GET", HYPERVISORS),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:list-detail",
        ADMIN,
        "List hypervisors with their details.",
        (("GET", f"{HYPERVISORS}/detail"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:show",
        ADMIN,
        "Show a hypervisor.",
        (("GET", f"{HYPERVISORS}/{{hypervisor}}"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:uptime",
        ADMIN,
        "Ask since when a hypervisor runs: learn that it is not known.",
        (("GET", f"{HYPERVISORS}/{{hypervisor}}/uptime"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:statistics",
        ADMIN,
        "Show the sums over all hypervisors.",
        (("GET", f"{HYPERVISORS}/statistics"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:search",
        ADMIN,
        "Find hypervisors by part of a name.",
        (("GET", f"{HYPERVISORS}/{{hypervisor}}/search"),),
    ),
    Rule(
        "os_compute_api:os-hypervisors:servers",
        ADMIN,
        "List the servers of hypervisors found by part of a name.",
        (("GET", f"{HYPERVISORS}/{{hypervisor}}/servers"),),
    ),
    Rule(
        "os_compute_api:os-aggregates:index",
        ADMIN,
        "List aggregates of hosts.",
        (("GET", f"{ROOT}/os-aggregates"),),
    ),
    *compute_servers.RULES,
    *compute_fping.RULES,
)
