"""The first start of an empty store: two accounts with random passwords, and clouds.yaml."""

from pathlib import Path

from faultwire.app.core import Core
from faultwire.app.neighbours import Neighbours
from faultwire.domain.errors import Behind
from faultwire.identity.bootstrap import (
    draw_ids,
    first_changes,
    forget_passwords,
    keep_passwords,
    kept_passwords,
    write_clouds,
)
from faultwire.identity.passwords import Passwords


async def first_accounts(
    state_dir: Path, core: Core, passwords: Passwords, others: Neighbours | None
) -> bool:
    """Create the administrator and the demo user where there is nobody yet.

    Return False where somebody is, also where another process on this database did so at the same
    moment.
    """
    if any(core.indexes.directory.users()):
        return False
    drawn = keep_passwords(state_dir)
    hashes = {name: await passwords.hash(text, name) for name, text in drawn.items()}
    changes = first_changes(draw_ids(), hashes, core.tools.clock.wall_ns())
    try:
        await core.writer.commit(changes)
    except Behind:
        if others is None:
            raise
        await others.follow(core).catch_up()
        forget_passwords(state_dir)
        return False
    core.memory.apply(changes)
    return True


def tell_clients(
    state_dir: Path, url: str, certificate: str, *, first: bool, shared: bool
) -> None:
    """Write clouds.yaml for the accounts of this folder's store."""
    kept = kept_passwords(state_dir) if shared else keep_passwords(state_dir)
    write_clouds(state_dir, url, kept, first_start=first, cacert=certificate)
