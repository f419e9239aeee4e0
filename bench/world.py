"""A large cloud written straight into an embedded database: hosts, servers, an alarm for each."""

from dataclasses import dataclass
from pathlib import Path

from faultwire.store import engine_in_folder, upgrade

SERVERS_ON_A_HOST = 50
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
# Ids come in no order at all, as drawn ones do: the multiplication scatters the numbers.
ID = "printf('%08x-%04x-4{kind}-8000-%012x', {i} * 2654435761 % 4294967296, {i} % 65536, {i})"
SERVER = ID.format(kind="5e0", i="i")
ALARM = ID.format(kind="a1a", i="i")
PROJECT = ID.format(kind="9c0", i="(i % :projects)")
HOST = f"printf('compute-%05d.example.com', i / {SERVERS_ON_A_HOST})"

_STATEMENTS = (
    f"""
    INSERT INTO projects (id, name) {NUMBERS}
    SELECT {PROJECT}, printf('project-%05d', i) FROM n WHERE i < :projects""",  # noqa: S608  our own words alone
    f"""
    INSERT INTO hosts (name, forced_down, disabled, monitored, agent, revision) {NUMBERS}
    SELECT {HOST}, 0, 0, 0, 'never', 0 FROM n WHERE i % {SERVERS_ON_A_HOST} = 0""",  # noqa: S608
    f"""
    INSERT INTO servers (id, name, project_id, host, vm_state, power_state, revision) {NUMBERS}
    SELECT {SERVER}, printf('server-%07d', i), {PROJECT}, {HOST}, 'active', 'running', 0
    FROM n""",  # noqa: S608
)
_ALARMS = f"""
    INSERT INTO alarms (id, project_id, user_id, name, type, description, enabled, severity,
        state, state_reason, state_ns, updated_ns, repeat_actions, rule, actions, version)
    {NUMBERS}
    SELECT {ALARM}, {PROJECT}, {PROJECT}, printf('alarm of server-%07d', i), 'event', '', 1,
        'critical', 'insufficient data', 'Not evaluated yet', 1767225600000000000,
        1767225600000000000 + i, 1,
        '{{"raises":{{"event_type":"compute.instance.update","query":[{{"field":'
        || '"traits.instance_id","op":"eq","type":"string","value":"' || {SERVER} || '"}},'
        || '{{"field":"traits.state","op":"eq","type":"string","value":"error"}}]}}}}',
        '{{"alarm":["http://127.0.0.1:9/hook/' || (i % :projects) || '"]}}', 1 FROM n"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class World:
    """A cloud of `servers` servers, 50 on a host, with an alarm for each or none.

    Without `instances` there are the alarms alone.
    """

    servers: int
    projects: int
    alarms: bool = True
    instances: bool = True

    def write(self, folder: Path) -> None:
        """Make the database of a state folder that is not there yet."""
        engine = engine_in_folder(folder)
        upgrade(engine)
        values = {"count": self.servers, "projects": min(self.projects, self.servers)}
        cloud = _STATEMENTS if self.instances else _STATEMENTS[:1]
        statements = (*cloud, *((_ALARMS,) if self.alarms else ()))
        with engine.begin() as connection:
            for statement in statements:
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.exec_driver_sql(statement, used)
        engine.dispose()


def project_id(number: int) -> str:
    """Return the id that a project of a `World` has."""
    return f"{number * 2654435761 % 4294967296:08x}-{number % 65536:04x}-49c0-8000-{number:012x}"
