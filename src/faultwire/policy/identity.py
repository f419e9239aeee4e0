"""Rules of the identity face, under Keystone's names.

What a user may always do for itself (show itself and its projects, check and revoke its own
token, change its password) is no rule.
"""

from faultwire.policy.rule import ADMIN, ANYBODY, Rule

V3 = "/identity/v3"
GRANT = f"{V3}/projects/{{project_id}}/users/{{user_id}}/roles/{{role_id}}"

RULES = (
    Rule("admin_required", "role:admin", "Administrators, by their role in any project."),
    Rule(
        "identity:validate_token",
        "rule:admin_required or role:service",
        "Check the token of somebody else.",
        (("GET|HEAD", f"{V3}/auth/tokens"),),
    ),
    Rule(
        "identity:revoke_token",
        ADMIN,
        "Revoke the token of somebody else.",
        (("DELETE", f"{V3}/auth/tokens"),),
    ),
    Rule("identity:list_users", ADMIN, "List users.", (("GET", f"{V3}/users"),)),
    Rule("identity:get_user", ADMIN, "Show a user.", (("GET", f"{V3}/users/{{user_id}}"),)),
    Rule("identity:create_user", ADMIN, "Create a user.", (("POST", f"{V3}/users"),)),
    Rule("identity:update_user", ADMIN, "Change a user.", (("PATCH", f"{V3}/users/{{user_id}}"),)),
    Rule(
        "identity:delete_user", ADMIN, "Delete a user.", (("DELETE", f"{V3}/users/{{user_id}}"),)
    ),
    Rule(
        "identity:list_user_projects",
        ADMIN,
        "List the projects of a user.",
        (("GET", f"{V3}/users/{{user_id}}/projects"),),
    ),
    Rule("identity:list_projects", ADMIN, "List projects.", (("GET", f"{V3}/projects"),)),
    Rule(
        "identity:get_project",
        "rule:admin_required or project_id:%(project_id)s",
        "Show a project.",
        (("GET", f"{V3}/projects/{{project_id}}"),),
    ),
    Rule("identity:create_project", ADMIN, "Create a project.", (("POST", f"{V3}/projects"),)),
    Rule(
        "identity:update_project",
        ADMIN,
        "Rename a project.",
        (("PATCH", f"{V3}/projects/{{project_id}}"),),
    ),
    Rule(
        "identity:delete_project",
        ADMIN,
        "Delete a project that owns nothing.",
        (("DELETE", f"{V3}/projects/{{project_id}}"),),
    ),
    Rule("identity:list_roles", ADMIN, "List roles.", (("GET", f"{V3}/roles"),)),
    Rule("identity:get_role", ADMIN, "Show a role.", (("GET", f"{V3}/roles/{{role_id}}"),)),
    Rule("identity:list_domains", ADMIN, "List domains.", (("GET", f"{V3}/domains"),)),
    Rule(
        "identity:get_domain",
        ANYBODY,
        "Show the domain.",
        (("GET", f"{V3}/domains/{{domain_id}}"),),
    ),
    Rule("identity:create_grant", ADMIN, "Grant a role.", (("PUT", GRANT),)),
    Rule("identity:check_grant", ADMIN, "Check a grant.", (("GET|HEAD", GRANT),)),
    Rule("identity:revoke_grant", ADMIN, "Take a role away.", (("DELETE", GRANT),)),
    Rule(
        "identity:list_grants",
        ADMIN,
        "List a user's roles in a project.",
        (("GET", GRANT.removesuffix("/{role_id}")),),
    ),
    Rule(
        "identity:list_role_assignments",
        ADMIN,
        "List grants.",
        (("GET", f"{V3}/role_assignments"),),
    ),
)
