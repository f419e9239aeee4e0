"""Rules of the alarming face: Aodh's names and defaults, and our own for what Aodh lacks."""

from faultwire.policy.rule import ADMIN, MEMBER_IN_PROJECT, READER_IN_PROJECT, Rule

ALARMS = "/alarming/v2/alarms"
ALARM = f"{ALARMS}/{{alarm_id}}"
SUBSCRIPTIONS = "/alarming/v2/subscriptions"
SUBSCRIPTION = f"{SUBSCRIPTIONS}/{{subscription_id}}"
DELIVERY = "/alarming/v2/deliveries/{delivery_id}"

RULES = (
    Rule(
        "telemetry:get_alarms", READER_IN_PROJECT, "List a project's alarms.", (("GET", ALARMS),)
    ),
    Rule(
        "telemetry:get_alarms:all_projects",
        ADMIN,
        "List the alarms of all projects.",
        (("GET", ALARMS),),
    ),
    Rule("telemetry:get_alarm", READER_IN_PROJECT, "Show an alarm.", (("GET", ALARM),)),
    Rule("telemetry:create_alarm", MEMBER_IN_PROJECT, "Create an alarm.", (("POST", ALARMS),)),
    Rule("telemetry:change_alarm", MEMBER_IN_PROJECT, "Replace an alarm.", (("PUT", ALARM),)),
    Rule("telemetry:delete_alarm", MEMBER_IN_PROJECT, "Delete an alarm.", (("DELETE", ALARM),)),
    Rule(
        "telemetry:get_alarm_state",
        READER_IN_PROJECT,
        "Show an alarm's state.",
        (("GET", f"{ALARM}/state"),),
    ),
    Rule(
        "telemetry:change_alarm_state",
        MEMBER_IN_PROJECT,
        "Set an alarm's state by hand.",
        (("PUT", f"{ALARM}/state"),),
    ),
    Rule(
        "telemetry:alarm_history",
        READER_IN_PROJECT,
        "Show an alarm's history.",
        (("GET", f"{ALARM}/history"),),
    ),
    Rule(
        "telemetry:query_alarm",
        READER_IN_PROJECT,
        "Search alarms.",
        (("POST", "/alarming/v2/query/alarms"),),
    ),
    Rule(
        "telemetry:query_alarm_history",
        READER_IN_PROJECT,
        "Search the history of alarms.",
        (("POST", "/alarming/v2/query/alarms/history"),),
    ),
    Rule(
        "telemetry:get_quotas",
        READER_IN_PROJECT,
        "Show a project's quotas.",
        (("GET", "/alarming/v2/quotas"),),
    ),
    Rule(
        "telemetry:update_quotas",
        ADMIN,
        "Set a project's quotas.",
        (("POST", "/alarming/v2/quotas"),),
    ),
    Rule(
        "telemetry:delete_quotas",
        ADMIN,
        "Give a project the default quotas again.",
        (("DELETE", "/alarming/v2/quotas/{project_id}"),),
    ),
    Rule(
        "telemetry:create_samples",
        "rule:admin_required or role:service",
        "Send samples of any project's meters.",
        (("POST", "/alarming/v2/samples"),),
    ),
    Rule(
        "telemetry:get_webhook_secret",
        MEMBER_IN_PROJECT,
        "Show the secrets that sign a project's webhooks.",
        (("GET", "/alarming/v2/webhook-secret"),),
    ),
    Rule(
        "telemetry:rotate_webhook_secret",
        MEMBER_IN_PROJECT,
        "Add a secret; the one before stays valid.",
        (("POST", "/alarming/v2/webhook-secret"),),
    ),
    Rule(
        "telemetry:get_deliveries",
        READER_IN_PROJECT,
        "List what was sent or is owed to a project's webhooks.",
        (("GET", "/alarming/v2/deliveries"), ("GET", DELIVERY)),
    ),
    Rule(
        "telemetry:replay_delivery",
        MEMBER_IN_PROJECT,
        "Send a delivery again that is over.",
        (("POST", f"{DELIVERY}/replay"),),
    ),
    Rule(
        "telemetry:get_deliveries:all_projects",
        ADMIN,
        "List the deliveries of all projects.",
        (("GET", "/alarming/v2/deliveries"),),
    ),
    Rule(
        "telemetry:create_subscription",
        MEMBER_IN_PROJECT,
        "Subscribe to all of a project's resources.",
        (("POST", SUBSCRIPTIONS),),
    ),
    Rule(
        "telemetry:get_subscriptions",
        READER_IN_PROJECT,
        "List a project's subscriptions.",
        (("GET", SUBSCRIPTIONS),),
    ),
    Rule(
        "telemetry:get_subscriptions:all_projects",
        ADMIN,
        "List the subscriptions of all projects.",
        (("GET", SUBSCRIPTIONS),),
    ),
    Rule(
        "telemetry:get_subscription",
        READER_IN_PROJECT,
        "Show a subscription.",
        (("GET", SUBSCRIPTION),),
    ),
    Rule(
        "telemetry:delete_subscription",
        MEMBER_IN_PROJECT,
        "Delete a subscription.",
        (("DELETE", SUBSCRIPTION),),
    ),
    Rule(
        "telemetry:post_events",
        "rule:admin_required or role:service",
        "Publish events for alarms.",
        (("POST", "/alarming/v2/events"),),
    ),
)
