"""Servers and alarms by the million: rows as the driver gives them, values that share their parts.

At start a million rows are read of each. The engine's conversions would take as long as all the
rest, so statements ask for columns that need none (`columns`), and a `Reading` turns them into
values. What thousands of rows repeat is made once and shared: projects, hosts, users, conditions,
lists of actions, and the names of servers that alarms ask for.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import JSON, Boolean, ColumnElement, SmallInteger, Table, Text, cast, type_coerce

from faultwire.domain.alarms import Alarm, AlarmState
from faultwire.domain.making import maker
from faultwire.domain.resources import NO_METADATA, Particulars, Server
from faultwire.domain.rules import Clause, Condition, EventRule, Operator, Rule
from faultwire.domain.states import PowerState, VmState
from faultwire.store import codec, inventory_rows
from faultwire.store.statements import Row

SHARED_MOST = 100_000
"""Different values of a kind that are kept to be shared; those after it stand alone."""

_VM_STATES = {state.value: state for state in VmState}
_POWER_STATES = {state.value: state for state in PowerState}
_ALARM_STATES = {state.value: state for state in AlarmState}
_OPERATORS = {operator.value: operator for operator in Operator}
_TRUTHS = {None: None, 0: False, 1: True}

_NO_ACTIONS: codec.ActionLists = ((), (), ())


_server, _alarm = maker(Server), maker(Alarm)
_rule, _clause, _condition = maker(EventRule), maker(Clause), maker(Condition)


def columns(table: Table) -> Iterable[ColumnElement[Any]]:
    """Return a table's columns so that no value needs a conversion: documents come as text."""
    return [_plain(column) for column in table.columns]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, JSON):
        return cast(column, Text)
    # PostgreSQL answers truths, the others numbers.
    return type_coerce(column, SmallInteger) if isinstance(column.type, Boolean) else column


class Reading:
    """Turns rows of `columns` into values; one for each load, dropped after it."""

    def __init__(self) -> None:
        """Start with nothing to share."""
        self._share = dict[Any, Any]().setdefault
        self._actions: dict[str, codec.ActionLists] = {}
        self._conditions: dict[tuple[str, str, str, str], Condition] = {}
        self._about: dict[str, Particulars] = {}

    def server(self, row: Row) -> Server:
        """Return the server of a row."""
        (
            server,
            name,
            project,
            host,
            vm_state,
            power_state,
            task_state,
            monitored,
            metadata,
            addresses,
            revision,
            updated_ns,
            about,
        ) = row
        share = self._share
        return _server(
            share(server, server),
            name,
            share(project, project),
            share(host, host),
            _VM_STATES[vm_state],
            _POWER_STATES[power_state],
            task_state,
            _TRUTHS[monitored],
            NO_METADATA if metadata is None else orjson.loads(metadata),
            () if addresses is None else tuple(orjson.loads(addresses)),
            revision,
            share(updated_ns, updated_ns) if updated_ns else 0,
            None if about is None else self._about_of(about),
        )

    def _about_of(self, text: str) -> Particulars:
        found = self._about.get(text)
        if found is None:
            found = inventory_rows.about_of(orjson.loads(text))
            if len(self._about) < SHARED_MOST:
                self._about[text] = found
        return found

    def alarm(self, row: Row) -> Alarm:
        """Return the alarm of a row."""
        (
            alarm,
            project,
            user,
            name,
            type_,
            description,
            enabled,
            severity,
            state,
            reason,
            state_ns,
            updated_ns,
            repeat,
            rule,
            actions,
            constraints,
            resource_id,
            version,
        ) = row
        share = self._share
        return _alarm(
            alarm,
            share(project, project),
            share(user, user),
            name,
            share(type_, type_),
            self._rule(orjson.loads(rule)),
            share(description, description),
            bool(enabled),
            share(severity, severity),
            _ALARM_STATES[state],
            share(reason, reason),
            state_ns,
            updated_ns,
            bool(repeat),
            *(_NO_ACTIONS if actions is None else self._actions_of(actions)),
            () if constraints is None else tuple(orjson.loads(constraints)),
            None if resource_id is None else share(resource_id, resource_id),
            version,
        )

    def _actions_of(self, text: str) -> codec.ActionLists:
        found = self._actions.get(text)
        if found is None:
            found = codec.actions_of(orjson.loads(text))
            if len(self._actions) < SHARED_MOST:
                self._actions[text] = found
        return found

    def _rule(self, record: codec.Document) -> Rule:
        if "kind" in record:
            return codec.other_rule_of(record)
        clears = record.get("clears")
        return _rule(
            self._clause(record["raises"]), None if clears is None else self._clause(clears)
        )

    def _clause(self, record: codec.Document) -> Clause:
        event_type = record["event_type"]
        share, kept = self._share, self._conditions
        query = []
        for item in record["query"]:
            named = field, op, type_, value = (
                item["field"],
                item["op"],
                item["type"],
                item["value"],
            )
            found = kept.get(named)
            if found is None:
                found = _condition(
                    share(field, field), _OPERATORS[op], share(type_, type_), share(value, value)
                )
                if len(kept) < SHARED_MOST:
                    kept[named] = found
            query.append(found)
        return _clause(share(event_type, event_type), tuple(query))
