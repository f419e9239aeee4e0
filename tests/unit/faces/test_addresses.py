"""Where clients find a face that has a port of its own."""

import pytest

from faultwire.faces.addresses import Door
from faultwire.faces.identity.catalog import Catalog, Service

MAIN = Door("http", "127.0.0.1", 8779)


@pytest.mark.parametrize(
    ("door", "base", "found"),
    [
        (Door("http", "127.0.0.1", 9696), "http://127.0.0.1:8779", "http://127.0.0.1:9696"),
        (Door("http", "127.0.0.1", 9696), "http://cloud.example", "http://cloud.example:9696"),
        (Door("https", "127.0.0.1", 9696), "https://a:1", "https://a:9696"),
        (Door("http", "127.0.0.1", 9696), "http://[::1]:8779", "http://[::1]:9696"),
        (Door("http", "127.0.0.1", 9696), "http://[::::]:8779", "http://127.0.0.1:9696"),
        (Door("http", "0.0.0.0", 9696), "http://cloud.example", "http://cloud.example:9696"),  # noqa: S104
        (Door("http", "10.0.0.5", 9696), "http://cloud.example", "http://10.0.0.5:9696"),
        (Door("http", "2001:db8::5", 9696), "http://a", "http://[2001:db8::5]:9696"),
        (
            Door("http", "127.0.0.1", 9696, "https://net.example/"),
            "http://a",
            "https://net.example",
        ),
    ],
)
def test_a_door_is_found_by_the_name_that_the_client_has(
    door: Door, base: str, found: str
) -> None:
    """The client's own name for us stays, unless the door is elsewhere or has a public URL."""
    assert door.seen_from(MAIN)(base) == found


def test_the_catalog_takes_the_prefix_from_what_is_elsewhere() -> None:
    """A face of its own port has its version in the path and no prefix; others stay."""
    services = (
        Service("compute", "nova", "/compute/v2.1"),
        Service("network", "neutron", "/network"),
        Service("fault", "faultwire", "/fault"),
    )
    own = {"compute": lambda _: "http://n:8774", "network": lambda base: f"{base}0"}
    rows = Catalog(services, own).at("http://main:1", "p1")
    urls = [row["endpoints"][0]["url"] for row in rows]  # type: ignore[index]
    assert urls == ["http://n:8774/v2.1", "http://main:10", "http://main:1/fault"]
