"""The shipped Keystone without a network does what the real one does."""

import pytest

from faultwire.testing.clock import ManualClock
from faultwire.testing.keystone import FakeKeystone, Grant
from tests.contract.keystone_suite import CASES, Authority, Case

ADMIN = frozenset({"admin", "member", "reader"})
SCOPES = {
    "project": Grant("ada", "east", ADMIN),
    "domain": Grant("ada", roles=ADMIN, domain="default"),
    "system": Grant("ada", roles=ADMIN, system=True),
    "": Grant("ada"),
}


class Fake(Authority):
    """The fake one."""

    def __init__(self) -> None:
        """Know one user of one project."""
        self.clock = ManualClock()
        self.api: FakeKeystone = FakeKeystone(self.clock)
        self.user, self.project = "ada", "east"

    def token(self, scope: str) -> str:
        """Issue a token."""
        return self.api.issue(SCOPES[scope])

    def revoke(self, token: str) -> None:
        """Take it back."""
        self.api.revoke(token)

    def now_ns(self) -> int:
        """Return its clock."""
        return self.clock.wall_ns()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_the_fake_keystone_does_what_a_keystone_does(case: Case) -> None:
    """Every case of the suite holds; the real Keystone's run is in tests/openstack."""
    await case(Fake())
