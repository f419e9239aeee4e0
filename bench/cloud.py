"""The cloud of a bench, as values: one host, its servers, a project and an alarm for each."""

from collections.abc import Iterator
from dataclasses import dataclass

from faultwire.domain.alarms import Alarm
from faultwire.domain.ids import AlarmId, HostName, ProjectId, ServerId, UserId, derived
from faultwire.domain.resources import Host, Project, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator

HOST = "bench-1"


@dataclass(frozen=True, slots=True)
class Cloud:
    """`servers` servers on one host; every alarm fires at each raise of the host's fault."""

    servers: int
    url: str

    def projects(self) -> list[Project]:
        """Return a project per server."""
        names = [f"bench-{number}" for number in range(self.servers)]
        return [Project(ProjectId(derived("project", name)), name) for name in names]

    def host(self) -> Host:
        """Return the host."""
        return Host(HostName(HOST))

    def instances(self) -> Iterator[Server]:
        """Return the servers."""
        for number, project in enumerate(self.projects()):
            name = ServerId(derived("server", number))
            yield Server(name, f"vm-{number}", project.id, HostName(HOST))

    def alarms(self) -> Iterator[Alarm]:
        """Return the alarms as values."""
        for server in self.instances():
            query = (
                Condition("traits.instance_id", Operator.EQ, "string", server.id),
                Condition("traits.state", Operator.EQ, "string", "error"),
            )
            yield Alarm(
                AlarmId(derived("alarm", server.id)),
                server.project,
                UserId("bench"),
                f"alarm of {server.name}",
                "event",
                EventRule(Clause("compute.instance.update", query)),
                severity="critical",
                repeat_actions=True,
                alarm_actions=(f"{self.url}/hook",),
                version=1,
            )

    def inventory(self) -> dict[str, object]:
        """Return the inventory document."""
        return {
            "projects": [{"id": p.id, "name": p.name} for p in self.projects()],
            "hosts": [{"name": HOST}],
            "servers": [
                {"id": s.id, "name": s.name, "project": s.project, "host": HOST}
                for s in self.instances()
            ],
        }

    def alarm_bodies(self) -> Iterator[dict[str, object]]:
        """Return the same alarms as bodies of the alarming face."""
        for alarm in self.alarms():
            yield {
                "name": alarm.name,
                "type": "event",
                "project_id": alarm.project,
                "severity": alarm.severity,
                "repeat_actions": True,
                "event_rule": {
                    "event_type": alarm.rule.raises.event_type,
                    "query": [
                        {"field": c.field, "op": "eq", "type": c.type, "value": c.value}
                        for c in alarm.rule.raises.query
                    ],
                },
                "alarm_actions": list(alarm.alarm_actions),
            }
