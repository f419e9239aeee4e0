"""The listeners of a server: the main one, those of single faces, and Doctor's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp

from faultwire.app.life import Life
from faultwire.app.listen import Address, Listener, Tls, limits_of, parse_address
from faultwire.config.configuration import Configuration
from faultwire.domain.errors import Invalid
from faultwire.faces.addresses import Door
from faultwire.ports import Meter

MAIN = "server"


class Placed(Protocol):
    """Settings of what has a listener of its own."""

    @property
    def listen(self) -> str:
        """HOST:PORT; empty: none."""

    @property
    def public_url(self) -> str:
        """Base URL that clients use; empty: as it listens."""


class Applications(Protocol):
    """What the listeners serve, and which credentials are valid."""

    @property
    def root(self) -> ASGIApp:
        """All faces, by prefix."""

    @property
    def alone(self) -> Mapping[str, ASGIApp]:
        """Faces that have a listener of their own, by section."""

    @property
    def doctor(self) -> ASGIApp:
        """What Doctor's listener serves."""

    @property
    def known(self) -> Callable[[str], bool]:
        """Whether a credential is valid now."""


def placed(configuration: Configuration) -> dict[str, Placed]:
    """Return the settings of the main listener and of those of single faces, by section."""
    return {
        MAIN: configuration.server,
        "compute": configuration.compute,
        "network": configuration.network,
        "image": configuration.image,
        "alarming": configuration.alarming,
        "database": configuration.database,
    }


def addresses_of(configuration: Configuration) -> dict[str, Address]:
    """Return where to listen, by section, the main one first; raises Invalid.

    Plain HTTP beyond loopback is refused unless a proxy in front does TLS.
    """
    server = configuration.server
    if bool(server.tls_certificate) != bool(server.tls_key):
        raise Invalid("[server] tls_key", "tls_certificate and tls_key go together")
    found = {}
    for section, settings in placed(configuration).items():
        if not settings.listen:
            continue
        field = f"[{section}] listen"
        address = parse_address(settings.listen, field)
        if not address.loopback and not server.tls_certificate and not server.behind_proxy:
            raise Invalid(
                field,
                f"{address.host} is not loopback: give tls_certificate and tls_key, "
                "or behind_proxy",
            )
        found[section] = address
    return found


def on_loopback(configuration: Configuration) -> bool:
    """Whether only this machine can reach any of the listeners; raises Invalid."""
    rows = placed(configuration).items()
    addresses = [parse_address(one.listen, f"[{name}] listen") for name, one in rows if one.listen]
    return all(one.loopback for one in addresses)


@dataclass(frozen=True, slots=True)
class Doors:
    """Bound listeners; they share one limit on connections."""

    main: Listener
    faces: Mapping[str, Listener]

    @classmethod
    def bind(
        cls,
        configuration: Configuration,
        addresses: Mapping[str, Address],
        tls: Tls,
        meter: Meter,
    ) -> "Doors":
        """Bind all of them, or none; raises Invalid naming the option."""
        bound: dict[str, Listener] = {}
        limits = limits_of(configuration.server)
        try:
            for section, address in addresses.items():
                crowd = bound[MAIN].crowd if bound else None
                field = f"[{section}] listen"
                bound[section] = Listener(address, tls, field, limits, meter, crowd)
        except Invalid:
            for one in bound.values():
                one.close()
            raise
        return cls(bound.pop(MAIN), bound)

    def known(self, configuration: Configuration) -> dict[str, Door]:
        """Return how clients reach each, by section; the main one is among them."""
        settings = placed(configuration)
        return {
            section: Door(one.scheme, *one.bound, settings[section].public_url)
            for section, one in {MAIN: self.main, **self.faces}.items()
        }

    async def start(self, served: Applications, doctor: str, life: Life) -> None:
        """Accept connections, by the main listener last; `life` stops them."""
        if doctor:
            field = "[fault] doctor_listener"
            extra = Listener(parse_address(doctor, field), Tls(), field)
            await extra.start(served.doctor)
            life.release.push_async_callback(extra.stop)
        rows = [(one, served.alone[name]) for name, one in self.faces.items()]
        for listener, app in (*rows, (self.main, served.root)):
            await listener.start(app, served.known)
            life.release.push_async_callback(listener.stop)
