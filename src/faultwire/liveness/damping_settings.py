"""Settings of damping."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from faultwire.domain.errors import Invalid
from faultwire.liveness.damping import DEFAULTS, OutOf, Terms

_ROW = re.compile(r"(\S+)\s+([0-9]{1,3})/([0-9]{1,3})\s+([0-9]{1,3})/([0-9]{1,3})\Z")
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """`[damping]`; raises Invalid for a row that cannot be."""

    flaps: int = field(
        default=6,
        metadata={
            "help": (
                "Turns for the worse and for the better after which a host is shelved; see"
                " half_life_s."
            ),
            "min": 3,
            "max": 1000,
        },
    )
    half_life_s: int = field(
        default=60,
        metadata={
            "help": (
                "Time in which half of the turns is forgotten; what is shelved is told of again"
                " once they are half of flaps."
            ),
            "min": 1,
            "max": 86_400,
        },
    )
    rows: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": (
                "Rows TYPE N/M N/M: a fault of that type that was raised lately is raised again"
                " when N of the last M looks, ten a second, were bad, and cleared when N of the"
                " last M were well. The first raise is never delayed."
            )
        },
    )

    @property
    def terms(self) -> Mapping[str, Terms]:
        """The terms of each type of fault, those of `rows` in place of the usual ones."""
        return {**DEFAULTS, **dict(_row(text) for text in self.rows)}

    @property
    def half_life_ns(self) -> int:
        """The half-life in nanoseconds."""
        return self.half_life_s * 1_000_000_000

    def __post_init__(self) -> None:
        """Refuse rows that cannot be met."""
        for text in self.rows:
            _row(text)


def _row(text: str) -> tuple[str, Terms]:
    found = _ROW.match(text.strip())
    if found is None:
        raise Invalid("[damping] rows", f"{text!r} is not TYPE N/M N/M")
    kind = found[1]
    if kind not in DEFAULTS:
        known = ", ".join(DEFAULTS)
        raise Invalid("[damping] rows", f"{kind} is not damped; these are: {known}")
    bad, well = (OutOf(int(found[n]), int(found[n + 1])) for n in (2, 4))
    for one in (bad, well):
        if not 1 <= one.needed <= one.of <= LONGEST:
            raise Invalid(
                "[damping] rows", f"{text!r}: 1 to M out of M looks, and M at most {LONGEST}"
            )
    return kind, Terms(bad, well)
