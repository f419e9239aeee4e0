"""One management controller, spoken to by sushy; blocking, for the process of `worker` alone.

Nothing that is raised or returned here holds a password: errors are told in our own words.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sushy
from sushy import auth, connector, exceptions
from sushy.resources.system.system import System

log = logging.getLogger(__name__)

SYSTEMS = "/redfish/v1/Systems/"
OK = "OK"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one controller, and for how long to wait for it."""

    url: str
    username: str
    password: str
    system: str | None
    verify: bool | str
    connect_seconds: float
    read_seconds: float


class Trouble(Exception):
    """It did not work: of which kind, and why in words."""

    def __init__(self, kind: str, words: str) -> None:
        """Take both."""
        super().__init__(words)
        self.kind = kind
        self.words = words


def client(access: Access) -> "Client":
    """Return a client that has read the root of the controller; raises Trouble."""
    with _told(access):
        return Client(access)


class Client:
    """A controller and the one system of it that is meant."""

    def __init__(self, access: Access) -> None:
        """Read the root; the password goes with each request, no session is left behind."""
        wire = connector.Connector(
            access.url,
            verify=access.verify,
            default_request_timeout=access.read_seconds,
            connect_timeout=access.connect_seconds,
            # One try: who asks decides whether and when to try again.
            server_side_retries=1,
        )
        # Neither proxies nor other trusted certificates by the environment.
        wire._session.trust_env = False  # noqa: SLF001  sushy has no setting for it
        self._access = access
        self._root = sushy.Sushy(
            access.url,
            auth=auth.BasicAuth(access.username, access.password),
            connector=wire,
        )
        self._wire = wire

    def power(self) -> dict[str, str]:
        """Return the power of the system (on, off, unknown), and which system was read."""
        with _told(self._access):
            system = self._system()
            state = system.power_state
            return {
                "power": {"On": "on", "Off": "off"}.get(state.value if state else "", "unknown"),
                "system": str(system.path),
            }

    def switch(self, wanted: str) -> dict[str, str]:
        """Ask for power on or off, the latter at once; that it was taken proves nothing."""
        with _told(self._access):
            system = self._system()
            allowed = {one.value for one in system.get_allowed_reset_system_values()}
            choices = ("ForceOff",) if wanted == "off" else ("On", "ForceOn")
            chosen = next((one for one in choices if one in allowed), choices[0])
            system.reset_system(sushy.ResetType(chosen))
            return {"asked": chosen, "system": str(system.path)}

    def health(self) -> list[dict[str, str]]:
        """Return the parts that are not OK: which, how bad, and the kind of part."""
        with _told(self._access):
            return list(self._ailing())

    def subscribe(self, destination: str, context: str) -> dict[str, Any]:
        """Have events sent there once: none twice, none left of those that we made before.

        A subscription is ours by its context. Answers its path and what was done.
        """
        with _told(self._access):
            service = self._json(self._path_of("EventService"))
            place = service["Subscriptions"]["@odata.id"]
            kept, removed = None, 0
            for member in self._json(place).get("Members", ()):
                path = member["@odata.id"]
                one = self._json(path)
                if one.get("Context") != context and one.get("Destination") != destination:
                    continue
                same = one.get("Context") == context and one.get("Destination") == destination
                if same and kept is None:
                    kept = path
                else:
                    self._wire.delete(path)
                    removed += 1
            if kept is not None:
                return {"subscription": kept, "created": False, "removed": removed}
            return {
                "created": True,
                "removed": removed,
                **self._created(place, destination, context),
            }

    def _created(self, place: str, destination: str, context: str) -> dict[str, str]:
        wanted: dict[str, Any] = {
            "Destination": destination,
            "Context": context,
            "Protocol": "Redfish",
        }
        try:
            made = self._wire.post(place, data={**wanted, "SubscriptionType": "RedfishEvent"})
        except exceptions.BadRequestError:
            # Before Event 1.5 a subscription named the types of events, and had no type itself.
            made = self._wire.post(place, data={**wanted, "EventTypes": ["Alert", "StatusChange"]})
        return {"subscription": made.headers.get("Location", "")}

    def _path_of(self, name: str) -> str:
        found = self._root.json.get(name)
        if not found:
            raise Trouble("unsupported", f"the controller has no {name}")
        return str(found["@odata.id"])

    def _system(self) -> System:
        named = self._access.system
        path = named if named is None or named.startswith("/") else SYSTEMS + named
        return self._root.get_system(path)

    def _json(self, path: str) -> dict[str, Any]:
        found = self._wire.get(path).json()
        if not isinstance(found, dict):
            raise Trouble("protocol", f"{path} is no object")
        return found

    def _ailing(self) -> Iterator[dict[str, str]]:
        system = self._system().json
        for kind, summary in (("cpu", "ProcessorSummary"), ("memory", "MemorySummary")):
            yield from _ill(kind, summary, system.get(summary))
        for link in (system.get("Links") or {}).get("Chassis") or ():
            chassis = self._json(link["@odata.id"])
            for part, page, lists in _PLACES:
                if page in chassis:
                    shown = self._json(chassis[page]["@odata.id"])
                    for name in lists:
                        for one in shown.get(name) or ():
                            yield from _ill(part.get(name, ""), name, one)


_PLACES: tuple[tuple[dict[str, str], str, tuple[str, ...]], ...] = (
    ({"Fans": "fan", "Temperatures": "temperature"}, "Thermal", ("Fans", "Temperatures")),
    ({"PowerSupplies": "power", "Redundancy": "power"}, "Power", ("PowerSupplies", "Redundancy")),
)
"""Pages of a chassis, the lists on them, and the kind of part that each holds."""


def _ill(part: str, where: str, one: Any) -> Iterator[dict[str, str]]:
    status = one.get("Status") if isinstance(one, Mapping) else None
    if not isinstance(status, Mapping) or status.get("State") in {"Absent", "Disabled"}:
        return
    health = status.get("HealthRollup") or status.get("Health")
    if isinstance(health, str) and health != OK:
        name = one.get("Name") or one.get("MemberId") or where
        yield {"part": part, "name": str(name)[:100], "health": health[:20]}


class _told:  # noqa: N801  reads as a word
    """Turns what sushy raises into Trouble, in words without a password."""

    def __init__(self, access: Access) -> None:
        self._where = urlsplit(access.url).hostname or access.url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Trouble):
            return
        raise self._trouble(error) from None

    def _trouble(self, error: BaseException) -> Trouble:
        match error:
            case exceptions.ConnectionError():
                return self._unreached(str(error))
            case exceptions.AccessError():
                words = f"the BMC at {self._where} refuses the user name or the password"
                return Trouble("credentials", words)
            case exceptions.ResourceNotFoundError():
                return Trouble("refused", f"the BMC at {self._where} has no such system")
            case exceptions.HTTPError():
                words = f"the BMC at {self._where} answered {error.status_code}"
                return Trouble("refused", words)
        log.debug("a controller said what we do not understand", exc_info=error)
        words = f"the BMC at {self._where} says what is no Redfish ({type(error).__name__})"
        return Trouble("protocol", words)

    def _unreached(self, said: str) -> Trouble:
        if "CERTIFICATE_VERIFY_FAILED" in said or "certificate verify failed" in said:
            reason = said.partition("certificate verify failed: ")[2].partition(" (")[0]
            return Trouble(
                "certificate",
                f"the certificate of the BMC at {self._where} is not trusted "
                f"({reason or 'verification failed'}): give its authority by [redfish] ca_file",
            )
        if "SSL" in said:
            return Trouble("certificate", f"the BMC at {self._where} speaks no TLS that we do")
        slow = "timed out" in said
        how = "does not answer in time" if slow else "cannot be reached"
        return Trouble("unreachable", f"the BMC at {self._where} {how}")
