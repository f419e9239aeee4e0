"""Settings of fencing."""

from dataclasses import dataclass, field
from enum import StrEnum

from faultwire.domain.fencing import FencingTerms


class Driver(StrEnum):
    """Who switches hosts off."""

    NONE = "none"
    REDFISH = "redfish"


@dataclass(frozen=True, slots=True)
class Settings:
    """`[fencing]`."""

    driver: Driver = field(
        default=Driver.NONE,
        metadata={"help": "none: whoever evacuates vouches that hosts are off; redfish: BMCs."},
    )
    require_proof: bool = field(
        default=True,
        metadata={"help": "Refuse evacuations without proof that their host has no power (D23)."},
    )
    on_host_down: bool = field(
        default=True,
        metadata={"help": "Switch dead hosts off at once; else only operators have it done."},
    )
    deadline_seconds: int = field(
        default=60,
        metadata={"help": "Until then a BMC must have said that the power is off.", "min": 1},
    )
    retry_seconds: float = field(
        default=2.0,
        metadata={"help": "Between two tries, and two looks at the power.", "min": 0.1},
    )

    def terms(self) -> FencingTerms:
        """Return what deciding code needs to know."""
        return FencingTerms(self.driver is not Driver.NONE, self.on_host_down, self.require_proof)
