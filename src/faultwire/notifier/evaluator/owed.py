"""Where several processes share the work: events are left to evaluators, and taken up by them."""

from collections.abc import Callable, Sequence

from faultwire.domain.changes import EventsOwed, EventsTaken
from faultwire.domain.commands import EvaluateOwed
from faultwire.domain.decided import Decided, Deciding, Fired, Work
from faultwire.domain.events import Event
from faultwire.domain.ids import ADMINISTRATORS, ProjectId
from faultwire.domain.instants import Instant
from faultwire.ports import View


class QueueingEvaluator:
    """Implements `ports.Evaluator`: owes the events that somebody may be waiting for.

    `owned` tells how many alarms a project has, `subscribed` how many subscriptions, which wait
    only for what is said of a resource's condition. Where there are none, and none of
    administrators', there is nothing to evaluate but what `published` tells that buses get.
    """

    def __init__(
        self,
        owned: Callable[[ProjectId], int],
        subscribed: Callable[[ProjectId], int] = lambda _: 0,
        published: Callable[[Event], bool] = lambda _: False,
    ) -> None:
        """Take the look-ups, which are only read."""
        self._owned = owned
        self._subscribed = subscribed
        self._published = published

    def evaluate(self, events: Sequence[Event], now: Instant) -> Work[Fired]:
        """Return the change that leaves the events to evaluators."""
        del now
        owned, subscribed = self._owned, self._subscribed
        watched, told = owned(ADMINISTRATORS) > 0, subscribed(ADMINISTRATORS) > 0
        owed = tuple(
            event
            for event in events
            if (not event.quiet and (watched or owned(event.project)))
            or (event.severity and (told or subscribed(event.project)))
            or self._published(event)
        )
        yield
        return Fired((EventsOwed(owed),)) if owed else Fired()


class OwedDecider:
    """Takes up batches of owed events: they are evaluated and gone in one commit, or neither."""

    def decide(self, command: EvaluateOwed, view: View, now: Instant) -> Deciding:
        """Answer how many events there were."""
        del view, now
        yield None
        events = tuple(event for batch in command.batches for event in batch.events)
        keys = tuple((batch.seq, batch.share) for batch in command.batches)
        return Decided(answer=len(events), changes=(EventsTaken(keys),), events=events)
