"""When hosts were last heard, as every process of the installation noted it."""

from typing import Any

from sqlalchemy import Engine, Select, select

from faultwire.domain.ids import GuestId, HostName
from faultwire.store import schema
from faultwire.store.engine import translated


def last_seen() -> Select[Any]:
    """Return the statement: name and wall ns of each host that was ever heard."""
    hosts = schema.hosts
    return select(hosts.c.name, hosts.c.last_seen_ns).where(hosts.c.last_seen_ns.is_not(None))


def last_heard() -> Select[Any]:
    """Return the statement: id and wall ns of each guest that was ever heard."""
    guests = schema.guests
    heard = select(guests.c.id, guests.c.last_heard_ns)
    return heard.where(guests.c.last_heard_ns.is_not(None))


class StoredSeen:
    """Reads from any thread, a connection for each call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> dict[HostName, int]:
        """Return the wall ns at which each host was last heard; raises Unavailable."""
        with translated(), self._engine.connect() as connection:
            return {HostName(name): seen for name, seen in connection.execute(last_seen())}

    def guests(self) -> dict[GuestId, int]:
        """Return the wall ns at which each guest was last heard; raises Unavailable."""
        with translated(), self._engine.connect() as connection:
            return {GuestId(name): heard for name, heard in connection.execute(last_heard())}

    def guest(self, guest: GuestId) -> int | None:
        """Return the wall ns at which a guest was last heard; raises Unavailable."""
        asked = last_heard().where(schema.guests.c.id == guest)
        with translated(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
            return int(row[1]) if row is not None else None
