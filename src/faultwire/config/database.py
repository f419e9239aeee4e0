"""`[database]`: where the state is kept and, as for every face, where the database face listens.

The face's section has the face's name, and so has the section of the store: they are one.
"""

from dataclasses import dataclass, field

from faultwire.store import settings as store


@dataclass(frozen=True, slots=True)
class Settings(store.Settings):
    """`[database]`."""

    listen: str = field(
        default="",
        metadata={
            "help": "HOST:PORT of a listener for the database face (Trove's API) alone, without "
            "its prefix; beside the main one."
        },
    )
    public_url: str = field(
        default="",
        metadata={"help": "Base URL of that listener for clients, where it is another."},
    )
