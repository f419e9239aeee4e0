"""Whatever happens in whatever order: subscribers know the truth, and hear each thing once."""

from collections import defaultdict

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from faultwire.controllers.embedded.present import present
from faultwire.domain.accounts import WebhookSecret
from faultwire.domain.commands import SaveSubscription
from faultwire.domain.ids import ADMINISTRATORS, ProjectId, SubscriptionId, UserId
from faultwire.domain.subscriptions import Filter, Subscription
from faultwire.notifier.evaluator.watching import HOST, RESOURCES
from faultwire.testing.chain import ACTOR
from tests.properties.test_causes import CausesMachine

PROJECTS = (ProjectId("p"), ADMINISTRATORS)


class SubscriptionsMachine(CausesMachine):
    """The life of causes, looked at by subscribers who come at any time."""

    @initialize()
    def nobody(self) -> None:
        """Begin without subscribers."""
        self.count = 0

    @rule(project=st.sampled_from(PROJECTS), kinds=st.sampled_from([(), ("server",), ("port",)]))
    def subscribe(self, project: ProjectId, kinds: tuple[str, ...]) -> None:
        self.count += 1
        name = SubscriptionId(f"s-{self.count}")
        made = Subscription(name, project, UserId("u"), "", "http://hook", Filter(kinds))
        secret = WebhookSecret(project, "whsec_none", 0)
        self.product.run(SaveSubscription(made, ACTOR, secret))

    @rule()
    def restart(self) -> None:
        """What was owed before is owed still."""
        owed = self.product.deliveries
        self.product = self.product.restart()
        self.product.deliveries[:0] = owed

    @invariant()
    def raises_and_clears_alternate(self) -> None:
        """Per resource: raised, told of changes only, cleared; under one id; each id once."""
        stories = defaultdict(list)
        for delivery in self.product.deliveries:
            body = orjson.loads(delivery.body)
            stories[delivery.ordering].append(
                (body["previous"], body["current"], body["reason_data"]["severity"])
            )
        for story in stories.values():
            known = ("ok", "cleared")
            for previous, current, severity in story:
                assert previous == known[0]
                assert severity != known[1]
                assert (current == "ok") == (severity == "cleared")
                known = (current, severity)
        ids = [delivery.id for delivery in self.product.deliveries]
        assert len(set(ids)) == len(ids)

    @invariant()
    def what_was_told_last_is_true(self) -> None:
        """A subscriber knows exactly what a new one would be told now."""
        indexes, view = self.product.indexes, self.product.memory.scratch()
        for project in PROJECTS:
            events = present(indexes.holds.causes, project, view, self.product.clock.instant())
            wrong = {}
            for event in events:
                if event is not None:
                    kind, trait, _ = RESOURCES[event.event_type]
                    wrong[kind, event.traits[trait]] = event.severity
            for one in indexes.subscriptions.of(project):
                kinds = one.subscription.filter.kinds
                told = {
                    key: watch.severity
                    for key, watch in one.watches.items()
                    if watch.severity != "cleared"
                }
                assert set(told) == {key for key in wrong if not kinds or key[0] in kinds}
                for key, severity in told.items():
                    assert severity == wrong[key] or wrong[key] == "indeterminate"
                assert project == ADMINISTRATORS or all(kind != HOST for kind, _ in told)

    def teardown(self) -> None:
        """Once nothing is wrong any more, nobody believes that anything is."""
        super().teardown()
        if hasattr(self, "product"):
            self.raises_and_clears_alternate()
            self.what_was_told_last_is_true()
            assert all(w.severity == "cleared" for w in self.product.ledger.load().watches)


def test_subscribers_know_the_truth_and_hear_each_thing_once() -> None:
    """Overlapping faults, agents, operators and documents: raised once, cleared once (S119)."""
    run_state_machine_as_test(SubscriptionsMachine)
