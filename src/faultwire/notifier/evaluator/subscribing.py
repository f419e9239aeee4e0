"""Decisions on subscriptions: create, with what is wrong already told at once, and delete."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from faultwire.domain.accounts import Actor, AuditRecord, WebhookSecret
from faultwire.domain.changes import (
    Audited,
    Change,
    SecretsSaved,
    SubscriptionsRemoved,
    SubscriptionsSaved,
)
from faultwire.domain.commands import RemoveSubscription, SaveSubscription, TakeEvents
from faultwire.domain.decided import Decided, Deciding
from faultwire.domain.errors import Conflict, NotFound, OverQuota
from faultwire.domain.events import Event
from faultwire.domain.faults import Severity
from faultwire.domain.ids import ADMINISTRATORS, GuestId, HostName, PortId, ProjectId, ServerId
from faultwire.domain.instants import Instant
from faultwire.domain.subscriptions import (
    ForgetWatches,
    Subscription,
    Watch,
    WatchesForgotten,
)
from faultwire.notifier.evaluator.watching import (
    GUEST,
    HOST,
    PORT,
    SERVER,
    SLICE,
    News,
    Subscribed,
    SubscriptionIndex,
    whole,
)
from faultwire.ports import Decider, Inventory, View

_CLEARED = Severity.CLEARED.value

Secrets = Callable[[ProjectId], tuple[WebhookSecret, ...]]

Present = Callable[[ProjectId, View, Instant], Iterable[Event | None]]
"""Tells what is wrong with a project's resources now, each once; None: others may be served."""


class SaveSubscriptionDecider:
    """Creates; what is wrong already is told in the same commit (Doctor's SubscribeResponse)."""

    def __init__(self, index: SubscriptionIndex, secrets: Secrets, present: Present) -> None:
        """Take the index and the projects' secrets, both only read, and what tells the present."""
        self._index = index
        self._secrets = secrets
        self._present = present

    def decide(self, command: SaveSubscription, view: View, now: Instant) -> Deciding:
        """Answer the subscription as stored, and how many troubles are told at once.

        A project without a signing secret gets one with it. Raises OverQuota over the limit.
        """
        yield None
        saved = replace(command.subscription, created_ns=now.wall_ns)
        if self._index.get(saved.id) is not None:
            raise Conflict(f"Subscription {saved.id} exists")
        if command.limit is not None and self._index.owned(saved.project) >= command.limit:
            raise OverQuota(f"The project has its {command.limit} subscriptions already")
        news, fresh = News(now), (Subscribed(saved),)
        everything = saved.project == ADMINISTRATORS
        for event in self._present(saved.project, view, now):
            if event is None:
                yield None
            else:
                news.take(fresh, event, whole(event) if everything else event.traits)
        changes: list[Change] = [SubscriptionsSaved((saved,)), *news.changes()]
        if not self._secrets(saved.project):
            changes.append(SecretsSaved(saved.project, (command.secret,)))
        changes.append(_audited(command.actor, "subscription.create", saved, now))
        return Decided(answer=(saved, len(news)), changes=tuple(changes))


class RemoveSubscriptionDecider:
    """Deletes a subscription; what is owed already still goes out."""

    def __init__(self, index: SubscriptionIndex) -> None:
        """Take the index, only read."""
        self._index = index

    def decide(self, command: RemoveSubscription, view: View, now: Instant) -> Deciding:
        """Answer None; raises NotFound."""
        del view
        yield None
        gone = self._index.get(command.subscription_id)
        if gone is None:
            raise NotFound(f"Subscription {command.subscription_id} not found")
        line = _audited(command.actor, "subscription.delete", gone, now)
        return Decided(changes=(SubscriptionsRemoved((gone.id,)), line))


_THERE: Mapping[str, Callable[[Inventory, str], object | None]] = {
    SERVER: lambda there, name: there.server(ServerId(name)),
    PORT: lambda there, name: there.port(PortId(name)),
    GUEST: lambda there, name: there.guest(GuestId(name)),
    HOST: lambda there, name: there.host(HostName(name)),
}


def gone(watch: Watch, inventory: Inventory) -> bool:
    """Return whether what a watch is about is no longer in the map."""
    return _THERE[watch.kind](inventory, watch.resource) is None


class ForgetDecider:
    """Forgets what was told of resources that are gone, once their owners heard that it is over.

    The end of a trouble is told by whatever ended it, also when that was the resource's own end.
    """

    def __init__(self, index: SubscriptionIndex) -> None:
        """Take the index, only read."""
        self._index = index

    def decide(self, command: ForgetWatches, view: View, now: Instant) -> Deciding:
        """Answer how many are forgotten; those that stand otherwise by now are left."""
        del now
        found: list[Watch] = []
        for number, watch in enumerate(command.watches, 1):
            if self._index.knows(watch) and watch.severity == _CLEARED and gone(watch, view):
                found.append(watch)
            if number % SLICE == 0:
                yield None
        made = (WatchesForgotten(tuple(found)),) if found else ()
        return Decided(len(found), made)


def subscription_deciders(
    index: SubscriptionIndex, secrets: Secrets, present: Present
) -> dict[type, Decider[Any]]:
    """Return who decides on what is asked of subscriptions, by type of command."""
    return {
        SaveSubscription: SaveSubscriptionDecider(index, secrets, present),
        RemoveSubscription: RemoveSubscriptionDecider(index),
        ForgetWatches: ForgetDecider(index),
    }


class TakeEventsDecider:
    """Takes events that came from outside; evaluators do the rest."""

    def decide(self, command: TakeEvents, view: View, now: Instant) -> Deciding:
        """Answer how many there were."""
        del view, now
        yield None
        return Decided(answer=len(command.events), events=command.events)


def _audited(actor: Actor, action: str, item: Subscription, now: Instant) -> Audited:
    detail = f"{item.name or '(unnamed)'} of project {item.project or '(none)'}"
    return Audited((AuditRecord(now.wall_ns, actor, action, item.id, detail),))
