"""The command's table of subcommands; a module is imported only when its command is used."""

import importlib

import click

from faultwire import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("faultwire.cli.serve:serve", "Run the whole server in one process."),
    "evaluator": ("faultwire.cli.worker:evaluator", "Evaluate alarms on a shared database."),
    "listener": ("faultwire.cli.listener:listener", "Hear the notifications of other services."),
    "dead-letters": (
        "faultwire.cli.listener:dead_letters",
        "List notifications that nobody could take.",
    ),
    "sender": ("faultwire.cli.worker:sender", "Send webhooks from a shared database."),
    "db": ("faultwire.cli.database:db", "Look after the database: schema, backup, restore."),
    "status": ("faultwire.cli.status:status", "Tell how the installation is."),
    "doctor": ("faultwire.cli.doctor:doctor", "Tell whether clouds are ready, and what mends it."),
    "audit-list": ("faultwire.cli.status:audit_list", "List who changed what, when, from where."),
    "config": ("faultwire.cli.samples:config", "Print or check a configuration file."),
    "policy": ("faultwire.cli.samples:policy", "Print or check a policy file."),
    "register-endpoints": (
        "faultwire.cli.register:register_endpoints",
        "Enter us in the catalogue of a cloud's Keystone.",
    ),
    "demo": ("faultwire.cli.demo:demo", "Kill a host and watch everyone be told."),
    "verify": ("faultwire.cli.verify:verify", "Have a host fail repeatedly: verdict and profile."),
    "agent": ("faultwire.cli.agent:agent", "Run the agent of one host."),
    "agent-enroll": ("faultwire.cli.agent:agent_enroll", "Write a credential for a host's agent."),
    "agent-revoke": (
        "faultwire.cli.enrolment:agent_revoke",
        "Make the credential of a host's agent void.",
    ),
    "monitor": ("faultwire.cli.monitor:monitor", "Probe hosts from another machine, and vote."),
    "monitor-enroll": (
        "faultwire.cli.monitor:monitor_enroll",
        "Write a credential for a monitor.",
    ),
    "monitor-list": ("faultwire.cli.monitor:monitor_list", "List monitors and how they stand."),
    "monitor-revoke": (
        "faultwire.cli.enrolment:monitor_revoke",
        "Make the credential of a monitor void.",
    ),
    "profile": (
        "faultwire_profiler.command:profile",
        "Tell where each millisecond of a fault went.",
    ),
    "profile-export": ("faultwire.cli.profile:profile_export", "Print timelines for `profile`."),
    "profile-list": ("faultwire_profiler.command:profile_list", "List stored sets of runs."),
    "consumer": ("faultwire.cli.consumer:consumer", "Receive, verify and act on alarms."),
    "deadman": ("faultwire.cli.deadman:deadman", "Tell a webhook when an installation is silent."),
    "inventory": ("faultwire.cli.inventory:inventory", "Import and show the inventory."),
    "fault-list": ("faultwire.cli.faults:fault_list", "List faults."),
    "fault-show": ("faultwire.cli.faults:fault_show", "Show a fault with its whole record."),
    "fault-close": ("faultwire.cli.faults:fault_close", "Close a fault."),
    "fault-report": ("faultwire.cli.faults:fault_report", "Post a fault or its clear."),
    "fault-catalogue": ("faultwire.cli.faults:fault_catalogue", "List every type of fault."),
    "faults": ("faultwire.cli.replay:faults", "Export all faults with their records."),
    "replay": (
        "faultwire.cli.replay:replay",
        "Decide a recorded history again by other settings.",
    ),
    "explain": (
        "faultwire.cli.guards:explain",
        "Explain a fault: votes, rules, guards, what was done and what was not.",
    ),
    "act": ("faultwire.cli.guards:act", "Have done what guards refused for a fault."),
    "hold": ("faultwire.cli.guards:hold", "Hold all acts at once, or let them go on."),
    "maintenance": ("faultwire.cli.guards:maintenance", "Plan a maintenance of a host."),
    "silence": ("faultwire.cli.guards:silence", "Silence acts on a part of the cloud."),
    "host-list": ("faultwire.cli.faults:host_list", "List hosts with their state."),
    "service-list": ("faultwire.cli.services:service_list", "List the services of hosts."),
    "service-force-down": (
        "faultwire.cli.services:service_force_down",
        "Force a host's service down, or take that back.",
    ),
    "host-update": (
        "faultwire.cli.services:host_update",
        "Enable, disable or report down a host.",
    ),
    "server-list": ("faultwire.cli.servers:server_list", "List servers with their host's status."),
    "server-show": ("faultwire.cli.servers:server_show", "Show a server."),
    "ping": ("faultwire.cli.ping:ping", "Tell which servers answer pings."),
    "evacuate": ("faultwire.cli.servers:evacuate", "Bring servers up elsewhere, off a dead host."),
    "host-confirm": (
        "faultwire.cli.servers:host_confirm",
        "Confirm that old copies are gone from a host.",
    ),
    "source-enroll": (
        "faultwire.cli.signals:source_enroll",
        "Write a credential for a source of alerts.",
    ),
    "source-revoke": (
        "faultwire.cli.enrolment:source_revoke",
        "Make the credential of a source of alerts void.",
    ),
    "alert-list": ("faultwire.cli.signals:alert_list", "List alerts that nothing maps."),
    "alert-forget": ("faultwire.cli.signals:alert_forget", "Dismiss alerts that nothing maps."),
    "alert-mapping": ("faultwire.cli.signals:alert_mapping", "Show the mapping of alerts."),
    "alert-mapping-check": (
        "faultwire.cli.signals:alert_mapping_check",
        "Check a file with a mapping of alerts.",
    ),
    "fence": ("faultwire.cli.fencing:fence", "Switch a host off by its BMC, with proof."),
    "unfence": ("faultwire.cli.fencing:unfence", "Switch a fenced host on again."),
    "fencing-list": ("faultwire.cli.fencing:fencing_list", "List what is known of hosts' power."),
    "port-list": ("faultwire.cli.ports:port_list", "List ports, those that are down among them."),
    "port-show": ("faultwire.cli.ports:port_show", "Show a port."),
    "port-update": ("faultwire.cli.ports:port_update", "Report a port's data plane."),
    "port": ("faultwire.cli.ports:port", "Report a port's data plane, or take that back."),
    "taskmanager": ("faultwire.cli.rpcs:taskmanager", "Do long tasks, on a shared database."),
    "conductor": ("faultwire.cli.rpcs:conductor", "Hear guests over the broker."),
    "guest-agent": ("faultwire.cli.guest_agent:guest_agent", "Run the agent of a database guest."),
    "guest-enroll": ("faultwire.cli.guests:guest_enroll", "Write a credential for a guest."),
    "guest-revoke": (
        "faultwire.cli.enrolment:guest_revoke",
        "Make the credential of a guest void.",
    ),
    "guest-list": ("faultwire.cli.guests:guest_list", "List database guests."),
    "guest-show": ("faultwire.cli.guests:guest_show", "Show a database guest."),
    "guest-restart": ("faultwire.cli.guests:guest_restart", "Restart a database guest."),
    "guest-diagnostics": (
        "faultwire.cli.guests:guest_diagnostics",
        "Ask a guest's agent for figures.",
    ),
    "rpc-ping": ("faultwire.cli.guests:rpc_ping", "Find out which guests take calls."),
    "host-evacuate": ("faultwire.cli.guests:host_evacuate", "Bring up a dead host's servers."),
    "task-list": ("faultwire.cli.guests:task_list", "List tasks."),
    "task-show": ("faultwire.cli.guests:task_show", "Show how far a task is."),
    "delivery-list": ("faultwire.cli.deliveries:delivery_list", "List webhooks and their fate."),
    "delivery-replay": (
        "faultwire.cli.deliveries:delivery_replay",
        "Send deliveries again that are over.",
    ),
    "subscription-create": (
        "faultwire.cli.subscriptions:subscription_create",
        "Have a webhook told of all that a project has.",
    ),
    "subscription-list": (
        "faultwire.cli.subscriptions:subscription_list",
        "List subscriptions.",
    ),
    "subscription-delete": (
        "faultwire.cli.subscriptions:subscription_delete",
        "Delete a subscription.",
    ),
    "user": ("faultwire.cli.accounts:user", "Manage users of the identity face."),
    "project": ("faultwire.cli.accounts:project", "Manage projects of the identity face."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for a name that the table lacks."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faultwire")
def main() -> None:
    """Fault management for OpenStack-style clouds."""
