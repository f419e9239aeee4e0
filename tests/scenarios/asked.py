"""What clients of the compute face ask for in a scenario, and how facts are printed."""

from collections.abc import Callable, Iterator, Mapping

from faultwire.domain.commands import Command
from faultwire.domain.computing import ActOnServer, ConfirmHost, EvacuateServer, ServerAction
from faultwire.domain.events import INSTANCE_UPDATE, SERVICE_UPDATE, Event
from faultwire.domain.ids import HostName, ServerId
from faultwire.domain.services import ChangeService, TellOwners, UpdateHost
from faultwire.testing.chain import ACTOR, InProcess

Words = list[str]

_SERVICE: Mapping[str, Mapping[str, bool]] = {
    "down": {"forced_down": True},
    "up": {"forced_down": False},
    "disable": {"disabled": True},
    "enable": {"disabled": False},
}
_HOST: Mapping[str, Mapping[str, bool]] = {
    "down": {"down": True},
    "up": {"down": False},
    "maintenance": {"maintenance": True},
}


def _service(words: Words, options: Mapping[str, str]) -> Command:
    """`ask service HOST down|up|disable|enable...`: one PUT of os-services."""
    given = {key: value for word in words[1:] for key, value in _SERVICE[word].items()}
    return ChangeService(HostName(words[0]), ACTOR, **given)


def _host(words: Words, options: Mapping[str, str]) -> Command:
    """`ask host HOST down|up|maintenance`: one PUT of os-hosts."""
    given = {key: value for word in words[1:] for key, value in _HOST[word].items()}
    return UpdateHost(HostName(words[0]), ACTOR, **given)


def _evacuate(words: Words, options: Mapping[str, str]) -> Command:
    """`ask evacuate SERVER [to=HOST]`."""
    target = HostName(options["to"]) if "to" in options else None
    return EvacuateServer(ServerId(words[0]), ACTOR, target)


def _confirm(words: Words, options: Mapping[str, str]) -> Command:
    """`ask confirm HOST [SERVER...]`."""
    servers = frozenset(map(ServerId, words[1:])) or None
    return ConfirmHost(HostName(words[0]), ACTOR, servers)


def _reset(words: Words, options: Mapping[str, str]) -> Command:
    """`ask reset SERVER active|error`."""
    return ActOnServer(ServerId(words[0]), ServerAction(f"reset to {words[1]}"), ACTOR)


_ASKED: Mapping[str, Callable[[Words, Mapping[str, str]], Command]] = {
    "service": _service,
    "host": _host,
    "evacuate": _evacuate,
    "confirm": _confirm,
    "reset": _reset,
}


def command_of(words: Words, options: Mapping[str, str]) -> Command:
    """Return what is asked for."""
    return _ASKED[words[0]](words[1:], options)


def told(product: InProcess, begin: int) -> Iterator[str]:
    """Have owners told of what is owed, and return a line for every fact from `begin` on."""
    while product.indexes.owed:
        product.run(TellOwners())
    yield from map(fact, product.events[begin:])


def fact(event: Event) -> str:
    """Return an event as one line."""
    said = event.traits
    if event.event_type == SERVICE_UPDATE:
        forced = " forced" if said["forced_down"] == "True" else ""
        disabled = " disabled" if said["disabled"] == "True" else ""
        return f"event {event.event_type} {said['host']}: {said['state']}{forced}{disabled}"
    if event.event_type != INSTANCE_UPDATE:
        return f"event {event.event_type}"
    states = _change(said["old_state"], said["state"])
    statuses = _change(said["old_host_status"], said["host_status"])
    return f"event {event.event_type} {said['instance_id']}: {states}, host_status {statuses}"


def _change(before: object, after: object) -> str:
    return f"{after}" if before == after else f"{before} -> {after}"
