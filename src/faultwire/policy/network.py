"""Rules of the network face: Neutron's names, and defaults that let integrators do their job."""

from faultwire.policy.rule import ADMIN, MEMBER_IN_PROJECT, Rule

PORTS = "/network/v2.0/ports"
PORT = f"{PORTS}/{{port_id}}"
NETWORKS = "/network/v2.0/networks"
NETWORK = f"{NETWORKS}/{{network_id}}"
SUBNETS = "/network/v2.0/subnets"
SUBNET = f"{SUBNETS}/{{subnet_id}}"

INTEGRATOR = "rule:admin_required or role:data_plane_integrator"
"""Who reports data planes, in every project (S93)."""

SEES = (
    "rule:admin_required or role:service or role:data_plane_integrator or "
    "(role:reader and project_id:%(project_id)s)"
)

_REASONS = ("reason", "source", "since")

RULES = (
    Rule("get_port", SEES, "List and show ports.", (("GET", PORTS), ("GET", PORT))),
    Rule(
        "get_port:binding:host_id",
        "rule:admin_required or role:service or role:data_plane_integrator",
        "See and filter by the host that a port is on.",
        (("GET", PORTS), ("GET", PORT)),
    ),
    *(
        Rule(
            f"get_port:data_plane_status_{what}",
            ADMIN,
            f"See the {what} of a port's data-plane status.",
            (("GET", PORTS), ("GET", PORT)),
        )
        for what in _REASONS
    ),
    Rule("create_port", MEMBER_IN_PROJECT, "Create a port.", (("POST", PORTS),)),
    Rule(
        "create_port:binding:host_id",
        ADMIN,
        "Bind a new port to a host.",
        (("POST", PORTS),),
    ),
    Rule("update_port", MEMBER_IN_PROJECT, "Change a port.", (("PUT", PORT),)),
    Rule(
        "update_port:binding:host_id",
        ADMIN,
        "Bind a port to another host.",
        (("PUT", PORT),),
    ),
    Rule(
        "update_port:data_plane_status",
        INTEGRATOR,
        "Report the data plane of a port, in every project.",
        (("PUT", PORT), ("PUT", f"{PORTS}/data-plane-status")),
    ),
    Rule("delete_port", MEMBER_IN_PROJECT, "Delete a port.", (("DELETE", PORT),)),
    Rule(
        "get_network",
        SEES,
        "List and show networks; shared ones are everybody's.",
        (("GET", NETWORKS), ("GET", NETWORK)),
    ),
    Rule("create_network", MEMBER_IN_PROJECT, "Create a network.", (("POST", NETWORKS),)),
    Rule(
        "create_network:shared",
        ADMIN,
        "Share a network, or make it external.",
        (("POST", NETWORKS), ("PUT", NETWORK)),
    ),
    Rule(
        "create_network:provider",
        ADMIN,
        "Say and see which physical network a network is.",
        (("POST", NETWORKS), ("PUT", NETWORK), ("GET", NETWORK)),
    ),
    Rule("update_network", MEMBER_IN_PROJECT, "Change a network.", (("PUT", NETWORK),)),
    Rule("delete_network", MEMBER_IN_PROJECT, "Delete a network.", (("DELETE", NETWORK),)),
    Rule(
        "get_subnet",
        SEES,
        "List and show subnets; those of shared networks are everybody's.",
        (("GET", SUBNETS), ("GET", SUBNET)),
    ),
    Rule("create_subnet", MEMBER_IN_PROJECT, "Create a subnet.", (("POST", SUBNETS),)),
    Rule("update_subnet", MEMBER_IN_PROJECT, "Change a subnet.", (("PUT", SUBNET),)),
    Rule("delete_subnet", MEMBER_IN_PROJECT, "Delete a subnet.", (("DELETE", SUBNET),)),
)
