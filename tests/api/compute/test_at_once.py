"""Two clients that change one host at once: one after the other, each change told once."""

import asyncio
from itertools import pairwise

from faultwire.domain.events import SERVICE_UPDATE
from tests.api.cloud import Cloud
from tests.api.compute.calling import alarm, force_down, service, told


async def test_two_clients_are_served_one_after_the_other(cloud: Cloud) -> None:
    """Force-down and its end at once: the last wins, and both are told once each."""
    await alarm(cloud, "admin", SERVICE_UPDATE)
    answers = await asyncio.gather(
        force_down(cloud), force_down(cloud, down=False), force_down(cloud), force_down(cloud)
    )
    assert {answer.status_code for answer in answers} == {200}
    said = [one["forced_down"] for one in told(cloud)]
    final = (await service(cloud))["forced_down"]
    assert said[-1] == str(final)
    # Each change that is told is another one than the change before.
    assert all(one != other for one, other in pairwise(said))
