"""Flavors and images that clients may name: servers here are records, so a few are enough."""

from dataclasses import dataclass

from faultwire.domain.ids import derived

UNKNOWN = "0"
"""Id of the flavor of servers that came from elsewhere, without one."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """Size of a server: memory in MiB, disk in GiB."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int


FLAVORS: dict[str, Flavor] = {
    flavor.id: flavor
    for flavor in (
        Flavor("1", "m1.tiny", 1, 512, 1),
        Flavor("2", "m1.small", 1, 2048, 20),
        Flavor("3", "m1.medium", 2, 4096, 40),
        Flavor("4", "m1.large", 4, 8192, 80),
        Flavor("5", "m1.xlarge", 8, 16384, 160),
    )
}
"""What servers may be made of, by id; Nova's old set."""

UNKNOWN_FLAVOR = Flavor(UNKNOWN, "unknown", 0, 0, 0)


def flavor(name: str) -> Flavor:
    """Return the flavor of an id; the unknown one for any other."""
    return FLAVORS.get(name, UNKNOWN_FLAVOR)


@dataclass(frozen=True, slots=True)
class Image:
    """What a server starts from."""

    id: str
    name: str


IMAGES: dict[str, Image] = {
    image.id: image for image in (Image(derived("image", "blank"), "blank"),)
}
"""Images by id: one that holds nothing."""
