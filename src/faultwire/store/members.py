"""Members, shares of work, agents' sessions and keys of a shared database, as rows."""

from collections.abc import Collection

from sqlalchemy import Engine, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from faultwire.domain.ids import HostName
from faultwire.domain.shares import SHARES, Member, Share, ShareKind
from faultwire.store import schema
from faultwire.store.engine import translated


class StoredMembers:
    """The processes on this database; any thread, each call a transaction of its own.

    Every method raises Unavailable where the database does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def join(self, member: Member) -> None:
        """Add a member, or put it back after others took it for gone."""
        table = schema.members
        values = {
            "id": member.id,
            "role": member.role,
            "name": member.name,
            "address": member.address,
            "started_ns": member.started_ns,
            "beats": member.beats,
        }
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.id == member.id))
            connection.execute(insert(table).values(values))

    def beat(self, member: str, beats: int) -> tuple[Member, ...]:
        """Show a sign of life and return all members; the caller is missing if it was removed."""
        table = schema.members
        with translated(), self._engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == member).values(beats=beats))
            rows = connection.execute(select(table).order_by(table.c.id)).all()
        return tuple(Member(*row) for row in rows)

    def remove(self, members: Collection[str]) -> None:
        """Take members out, and what they owned with them."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                delete(schema.members).where(schema.members.c.id.in_(list(members)))
            )

    def sessions(self) -> tuple[tuple[HostName, str, str], ...]:
        """Return (host, member, session) of every agent that has a session somewhere."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(select(schema.agent_sessions)).all()
        return tuple((HostName(host), member, session) for host, member, session in rows)

    def key(self, name: str, fresh: str) -> str:
        """Return the key of that name, which is `fresh` if there was none."""
        table = schema.shared_keys
        wanted = select(table.c.value).where(table.c.name == name)
        with translated():
            with self._engine.connect() as connection:
                found = connection.execute(wanted).scalar_one_or_none()
            if found is not None:
                return str(found)
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(table).values(name=name, value=fresh))
            except IntegrityError:
                # Another process was faster.
                pass
            with self._engine.connect() as connection:
                return str(connection.execute(wanted).scalar_one())


class StoredShares:
    """Who works on which part of one kind of work; any thread."""

    def __init__(self, engine: Engine, kind: ShareKind) -> None:
        self._engine = engine
        self._kind = kind

    def all(self) -> tuple[Share, ...]:
        """Return every share, in order of number; they are made when missing."""
        table = schema.shares
        wanted = (
            select(table.c.number, table.c.owner, table.c.epoch)
            .where(table.c.kind == self._kind.value)
            .order_by(table.c.number)
        )
        with translated():
            with self._engine.connect() as connection:
                rows = connection.execute(wanted).all()
            if len(rows) < SHARES:
                self._make({row.number for row in rows})
                with self._engine.connect() as connection:
                    rows = connection.execute(wanted).all()
        return tuple(Share(*row) for row in rows)

    def _make(self, there: Collection[int]) -> None:
        rows = [
            {"kind": self._kind.value, "number": number, "owner": None, "epoch": 0}
            for number in range(SHARES)
            if number not in there
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(schema.shares), rows)
        except IntegrityError:
            # Another process made them.
            pass

    def take(self, owner: str, shares: Collection[Share]) -> frozenset[int]:
        """Own those of the shares that did not change hands since; return which they are."""
        table = schema.shares
        if not shares:
            return frozenset()
        same = or_(
            *(and_(table.c.number == one.number, table.c.epoch == one.epoch) for one in shares)
        )
        with translated(), self._engine.begin() as connection:
            connection.execute(
                update(table)
                .where(table.c.kind == self._kind.value, same)
                .values(owner=owner, epoch=table.c.epoch + 1)
            )
            rows = connection.execute(
                select(table.c.number).where(
                    table.c.kind == self._kind.value,
                    table.c.owner == owner,
                    table.c.number.in_([one.number for one in shares]),
                )
            ).scalars()
            return frozenset(rows)

    def give(self, owner: str, numbers: Collection[int]) -> None:
        """Let go of shares, so that others can take them."""
        table = schema.shares
        with translated(), self._engine.begin() as connection:
            connection.execute(
                update(table)
                .where(
                    table.c.kind == self._kind.value,
                    table.c.owner == owner,
                    table.c.number.in_(list(numbers)),
                )
                .values(owner=None, epoch=table.c.epoch + 1)
            )
