"""Rules of the compute face on pings of servers: Nova's, and one of our own."""

from faultwire.policy.rule import ADMIN, MEMBER_IN_PROJECT, READER_IN_PROJECT, Rule

FPING = "/compute/v2.1/os-fping"
_FPING = "os_compute_api:os-fping"

RULES: tuple[Rule, ...] = (
    Rule(
        _FPING,
        READER_IN_PROJECT,
        "Ask which servers of a project answer pings.",
        (("GET", FPING), ("GET", f"{FPING}/{{server_id}}")),
    ),
    Rule(
        f"{_FPING}:all_tenants",
        ADMIN,
        "Ask which servers of all projects answer pings.",
        (("GET", FPING),),
    ),
    Rule(
        f"{_FPING}:monitored",
        MEMBER_IN_PROJECT,
        "Say whether a server is monitored.",
        (("PUT", f"{FPING}/vms/{{server_id}}"),),
    ),
)
