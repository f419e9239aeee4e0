"""Rules of the database face: Trove's names, and one for each call of its management API."""

from faultwire.policy.rule import ADMIN, Rule

INSTANCES = "/database/v1.0/{tenant_id}/instances"
INSTANCE = f"{INSTANCES}/{{instance_id}}"
MANAGED = "/database/v1.0/{tenant_id}/mgmt/instances"
MANAGED_ONE = f"{MANAGED}/{{instance_id}}"

SEES = "rule:admin_required or (role:reader and project_id:%(project_id)s)"
OWNS = "rule:admin_required or (role:member and project_id:%(project_id)s)"

RULES = (
    Rule("instance:index", SEES, "List a project's instances.", (("GET", INSTANCES),)),
    Rule("instance:show", SEES, "Show an instance.", (("GET", INSTANCE),)),
    Rule(
        "instance:restart",
        OWNS,
        "Restart an instance's database.",
        (("POST", f"{INSTANCE}/action"),),
    ),
    Rule("mgmt:index", ADMIN, "List instances of every project.", (("GET", MANAGED),)),
    Rule("mgmt:show", ADMIN, "Show any project's instance.", (("GET", MANAGED_ONE),)),
    Rule(
        "mgmt:restart",
        ADMIN,
        "Restart any project's instance.",
        (("POST", f"{MANAGED_ONE}/action"),),
    ),
    Rule(
        "mgmt:rpc_ping",
        ADMIN,
        "Find out whether guests take calls.",
        (("GET", f"{MANAGED_ONE}/rpc_ping"), ("POST", f"{MANAGED}/rpc_ping")),
    ),
)
