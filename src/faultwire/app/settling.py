"""Who decides on what clouds answered, and on what is to be asked again."""

from typing import Any

from faultwire.controllers.openstack.acts import ReleaseDecider, SettlingDecider
from faultwire.domain.guard_commands import ActOnFault
from faultwire.domain.remote_acts import ReleaseHeld, SettleRemoteActs
from faultwire.inspector.acting import Guards
from faultwire.inspector.again import ActDecider
from faultwire.inspector.refusals import AskingDecider, RefusalsDecider
from faultwire.inspector.settings import Settings
from faultwire.ports import Decider
from faultwire.resourcemap.remote_acts import RemoteBook


def acting(settings: Settings, guards: Guards, book: RemoteBook) -> Decider[ActOnFault]:
    """Return who has done what guards or clouds refused, at an operator's word."""
    return AskingDecider(ActDecider(settings, guards), book, guards)


def deciders(book: RemoteBook, settings: Settings) -> dict[type, Decider[Any]]:
    """Return who decides on acts that are over, and on events that have waited for them."""
    return {
        SettleRemoteActs: RefusalsDecider(SettlingDecider(book), book, settings),
        ReleaseHeld: ReleaseDecider(book),
    }
