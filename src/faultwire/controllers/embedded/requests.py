"""Who decides on which request of a client for a change of servers."""

from collections.abc import Mapping
from typing import Any

from faultwire.controllers.embedded.asked import Teller
from faultwire.controllers.embedded.evacuating import ConfirmDecider, EvacuateDecider
from faultwire.controllers.embedded.servers import (
    ActDecider,
    CreateDecider,
    EditDecider,
    MetadataDecider,
    RemoveDecider,
)
from faultwire.domain.computing import (
    ActOnServer,
    ConfirmHost,
    CreateServers,
    EditServer,
    EvacuateServer,
    RemoveServer,
    SetMetadata,
)
from faultwire.domain.services import NOVA_TERMS, StatusTerms
from faultwire.ports import Decider, Judge


def deciders(
    terms: StatusTerms = NOVA_TERMS, guards: Judge | None = None
) -> Mapping[type, Decider[Any]]:
    """Return the decider of every command of `domain.computing`."""
    teller = Teller(terms)
    return {
        CreateServers: CreateDecider(teller),
        RemoveServer: RemoveDecider(teller),
        EditServer: EditDecider(teller),
        SetMetadata: MetadataDecider(teller),
        ActOnServer: ActDecider(teller),
        EvacuateServer: EvacuateDecider(teller, guards),
        ConfirmHost: ConfirmDecider(),
    }
