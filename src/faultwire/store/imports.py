"""Large imports that are under way: each as it came, until all of it is in the tables."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from faultwire.domain.accounts import Actor
from faultwire.store import schema
from faultwire.store.engine import translated, writing

HEAD = 0
"""The part that says that all the others are there; written last of all."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An import that was promised: who does it (`owner`), and what was asked for.

    The id begins with the owner of its first hour and a dot.
    """

    id: str
    owner: str
    replace: bool
    actor: Actor


class StoredImports:
    """Documents in pieces; every call is one transaction, on any thread.

    Meant for the writer's thread, between two transactions of the ledger: an embedded database
    has one writer at a time. Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, name: str, number: int, piece: bytes) -> None:
        """Add a piece of the text of an import that is not promised yet; `number` from 1."""
        self._add(name, number, piece)

    def promise(self, pending: Pending) -> None:
        """Promise an import whose pieces are kept: from now on it will be done."""
        self._add(pending.id, HEAD, _head(pending))

    def _add(self, name: str, number: int, payload: bytes) -> None:
        values = {"id": name, "part": number, "payload": payload}
        with translated(), writing(self._engine) as connection, connection.begin():
            connection.execute(insert(schema.imports).values(values))

    def pending(self) -> tuple[Pending, ...]:
        """Return the promised imports."""
        table = schema.imports
        heads = select(table.c.payload).where(table.c.part == HEAD).order_by(table.c.id)
        with translated(), self._engine.connect() as connection:
            return tuple(_pending(json.loads(row.payload)) for row in connection.execute(heads))

    def orphans(self, owner: str) -> tuple[Pending, ...]:
        """Return the promised imports that are `owner`'s or nobody's who is a member."""
        with translated(), self._engine.connect() as connection:
            others = self._members(connection) - {owner}
        return tuple(one for one in self.pending() if one.owner not in others)

    def claim(self, pending: Pending, owner: str) -> Pending | None:
        """Make an import `owner`'s; None where another process was faster or it is done."""
        table = schema.imports
        claimed = replace(pending, owner=owner)
        if claimed == pending:
            return pending
        mine = (
            update(table)
            .where(
                table.c.id == pending.id, table.c.part == HEAD, table.c.payload == _head(pending)
            )
            .values(payload=_head(claimed))
        )
        with translated(), writing(self._engine) as connection, connection.begin():
            return claimed if connection.execute(mine).rowcount else None

    def pieces(self, name: str) -> list[bytes]:
        """Return the text of an import, in pieces."""
        table = schema.imports
        kept = (
            select(table.c.payload)
            .where(table.c.id == name, table.c.part != HEAD)
            .order_by(table.c.part)
        )
        with translated(), self._engine.connect() as connection:
            return [bytes(row.payload) for row in connection.execute(kept)]

    def forget(self, names: Sequence[str]) -> None:
        """Remove imports that are done, or that were never promised."""
        table = schema.imports
        with translated(), writing(self._engine) as connection, connection.begin():
            for name in names:
                connection.execute(delete(table).where(table.c.id == name))

    def strays(self, owner: str) -> tuple[str, ...]:
        """Return what was never promised, of `owner` or of nobody who is a member."""
        table = schema.imports
        whole = select(table.c.id).where(table.c.part == HEAD)
        ids = select(table.c.id).distinct().where(table.c.id.not_in(whole))
        with translated(), self._engine.connect() as connection:
            found = connection.execute(ids).scalars().all()
            others = self._members(connection) - {owner}
        return tuple(one for one in found if one.partition(".")[0] not in others)

    def _members(self, connection: Connection) -> set[str]:
        return set(connection.execute(select(schema.members.c.id)).scalars())


def _head(pending: Pending) -> bytes:
    return json.dumps(asdict(pending)).encode()


def _pending(head: dict[str, Any]) -> Pending:
    return Pending(**{**head, "actor": Actor(**head["actor"])})
