"""What the bench of many origins posts: the report on a host, and an alarm of a server."""


def host(number: int) -> str:
    """Return the name of a round's host."""
    return f"bench-{number}"


def event(number: int, status: str) -> dict[str, object]:
    """Return the report that a round's host is up or down."""
    return {
        "time": "2026-01-01T00:00:00Z",
        "type": f"compute.host.{status}",
        "details": {"hostname": host(number)},
    }


def alarm(server: dict[str, str], url: str) -> dict[str, object]:
    """Return an alarm that tells a URL of a server's failure."""
    query = {"instance_id": server["id"], "state": "error"}
    return {
        "name": f"alarm of {server['id']}",
        "type": "event",
        "project_id": server["project"],
        "severity": "critical",
        "repeat_actions": True,
        "event_rule": {
            "event_type": "compute.instance.update",
            "query": [
                {"field": f"traits.{name}", "op": "eq", "type": "string", "value": value}
                for name, value in query.items()
            ],
        },
        "alarm_actions": [url],
    }
