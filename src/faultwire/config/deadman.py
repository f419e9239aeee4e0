"""Settings of the dead-man's beat."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.errors import Invalid


class Unwell(StrEnum):
    """What is posted while the installation is not well."""

    SILENT = "silent"
    SAY = "say"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[deadman]`: somebody outside is told regularly that we are well."""

    url: str = field(
        default="",
        metadata={"help": "Where a beat is posted while we are well; empty: nowhere."},
    )
    interval_seconds: int = field(
        default=30, metadata={"help": "How often.", "min": 1, "max": 86_400}
    )
    secret_file: str = field(
        default="",
        metadata={
            "help": "File with the secrets that sign beats, one a line: whsec_ and base64. "
            "Needed with url."
        },
    )
    ca_file: str = field(
        default="",
        metadata={"help": "PEM file of authorities that are trusted besides the system's."},
    )
    when_unwell: Unwell = field(
        default=Unwell.SILENT,
        metadata={
            "help": "silent: no beat comes, which any watcher understands; say: one comes that "
            "says so and why, for `faultwire deadman`."
        },
    )

    def __post_init__(self) -> None:
        """Refuse beats that anybody could send."""
        if self.url and not self.secret_file:
            raise Invalid("[deadman] secret_file", "is needed with url: beats are signed")
