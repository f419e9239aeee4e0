"""nova-compute with Nova's fake driver, made fit to be killed and started again.

The fake driver draws a new identity of its node in each process, and Nova then refuses to start a
second time. Real drivers keep it; this gives the fake one the identity that Nova stored at its
first start. Run with the interpreter of the small cloud and nova-compute's own arguments.
"""

import sys
from typing import Any

from nova.cmd import compute  # type: ignore[import-not-found] # first: it chooses how it threads
from nova.virt import fake, node  # type: ignore[import-not-found]

_plain = fake.FakeDriver.get_available_resource


def _resource(driver: Any, name: str) -> Any:
    return {**_plain(driver, name), "uuid": node.get_local_node_uuid()}


def _nodes(driver: Any, *_arguments: object, **_options: object) -> Any:
    return {node.get_local_node_uuid(): driver.get_available_nodes()[0]}


fake.FakeDriver.get_available_resource = _resource
fake.FakeDriver.get_nodenames_by_uuid = _nodes

if __name__ == "__main__":
    sys.exit(compute.main())
