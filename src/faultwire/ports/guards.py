"""The port of the guards on acts."""

from typing import TYPE_CHECKING, Protocol

from faultwire.domain.acts import Act, Verdict
from faultwire.domain.changes import Change
from faultwire.domain.decided import Steps
from faultwire.domain.faults import Fault
from faultwire.domain.instants import Instant

if TYPE_CHECKING:
    from faultwire.ports import View


class Judge(Protocol):
    """The guards, as whoever acts sees them; pure, on the loop."""

    def judge(self, act: Act, view: "View", now: Instant, about: Fault | None = None) -> Verdict:
        """Return whether an act may be done now.

        Ask when it is decided, and once more right before it is done if time went by. `about` is
        the fault that it follows from; the live fault of that id where it is left out.
        """

    def asked(self, act: Act, view: "View", now: Instant) -> Steps[Verdict]:
        """Judge an act that somebody asks for by name, and have the word on it kept.

        One that is refused is counted and told as every other, and stands in the record of the
        fault that put its host down; one that is let pass counts.
        """

    def noted(self, act: Act, now: Instant) -> tuple[Change, ...]:
        """Return the changes that make an act count against the limits, to commit with it."""
