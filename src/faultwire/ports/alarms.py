"""Readers of alarms: synchronous, called on a thread of their own."""

from collections.abc import Sequence
from typing import Protocol

from faultwire.domain.alarms import Alarm, Delivery, DeliveryState
from faultwire.domain.ids import AlarmId, DeliveryId, ProjectId, SubscriptionId
from faultwire.domain.queries import HistoryLine, Query
from faultwire.domain.samples import Statistics, Window
from faultwire.domain.subscriptions import Subscription


class AlarmStore(Protocol):
    """Alarms and deliveries as stored, for reading; synchronous, any reader thread."""

    def alarm(self, alarm: AlarmId) -> Alarm:
        """Return one alarm; raises NotFound."""

    def alarms(
        self, *, project: ProjectId | None, limit: int | None, marker: str | None
    ) -> tuple[Alarm, ...]:
        """Return alarms, newest first; raises NotFound for an unknown marker."""

    def search_alarms(self, query: Query) -> tuple[Alarm, ...]:
        """Return the alarms that are asked for; raises Unavailable where it takes too long."""

    def search_history(self, query: Query) -> tuple[HistoryLine, ...]:
        """Return the lines of history that are asked for; raises Unavailable likewise."""

    def deliveries(
        self,
        *,
        project: ProjectId | None,
        state: DeliveryState | None,
        limit: int,
        marker: str | None,
    ) -> tuple[tuple[Delivery, DeliveryState, str, int | None], ...]:
        """Return deliveries, newest first, with state, last outcome and last HTTP status."""

    def delivery(self, delivery: DeliveryId) -> tuple[Delivery, DeliveryState, str, int | None]:
        """Return one delivery as `deliveries` does; raises NotFound."""

    def pending(
        self,
        *,
        project: ProjectId | None,
        after: tuple[int, str] | None,
        limit: int,
        shares: frozenset[int] | None = None,
    ) -> tuple[Delivery, ...]:
        """Return owed deliveries in order of age, after (created_ns, id), for the sender.

        With `shares`, those of these shares alone.
        """


class SubscriptionStore(Protocol):
    """Subscriptions as stored, for reading, each with how many troubles its owner knows of now."""

    def subscription(self, subscription: SubscriptionId) -> tuple[Subscription, int]:
        """Return one; raises NotFound."""

    def subscriptions(
        self, *, project: ProjectId | None, limit: int, marker: str | None
    ) -> tuple[tuple[Subscription, int], ...]:
        """Return them newest first; raises NotFound for an unknown marker."""


class SampleStore(Protocol):
    """Samples as stored, for reading; synchronous, any reader thread."""

    def statistics(self, windows: Sequence[Window]) -> list[tuple[Statistics, ...]]:
        """Return the periods of each window that have samples, oldest first."""
