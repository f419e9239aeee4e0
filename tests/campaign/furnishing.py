"""The cloud on the stage: nine hosts in three racks, a server, a port and an alarm on each."""

from faultwire.domain.accounts import Actor, WebhookSecret
from faultwire.domain.alarms import Alarm
from faultwire.domain.commands import ImportInventory, SaveAlarm
from faultwire.domain.ids import AlarmId, HostName, PortId, ProjectId, ServerId, UserId
from faultwire.domain.resources import Host, Interface, InventoryDocument, Port, Project, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator
from faultwire.ports import Intake
from faultwire.testing.probing import address_of
from tests.campaign.histories import HOSTS, RACKS

PROJECT = ProjectId("p")
ACTOR = Actor("somebody")


def document() -> InventoryDocument:
    """Return the map."""
    rack = {host: name for name, some in RACKS.items() for host in some}
    return InventoryDocument(
        projects=(Project(PROJECT, "p"),),
        hosts=tuple(
            Host(
                HostName(name),
                (address_of(name),),
                rack=rack[name],
                interfaces=(Interface("eth0", switch=f"s-{rack[name]}", switch_port=name),),
            )
            for name in HOSTS
        ),
        servers=tuple(
            Server(ServerId(f"vm-{name}"), name, PROJECT, HostName(name)) for name in HOSTS
        ),
        ports=tuple(
            Port(PortId(f"p-{name}"), PROJECT, server=ServerId(f"vm-{name}")) for name in HOSTS
        ),
    )


async def furnish(intake: Intake) -> None:
    """Bring the map in, and an alarm of each server's owner."""
    await intake.submit(ImportInventory(document(), replace=False, actor=ACTOR))
    for name in HOSTS:
        conditions = (
            Condition("traits.instance_id", Operator.EQ, "string", f"vm-{name}"),
            Condition("traits.state", Operator.EQ, "string", "error"),
        )
        alarm = Alarm(
            AlarmId(f"alarm-{name}"),
            PROJECT,
            UserId("u"),
            name,
            "event",
            EventRule(Clause("compute.instance.update", conditions)),
            repeat_actions=True,
            alarm_actions=("http://owner/",),
        )
        secret = WebhookSecret(PROJECT, "whsec_none", 0)
        await intake.submit(SaveAlarm(alarm, new=True, actor=ACTOR, secret=secret))
