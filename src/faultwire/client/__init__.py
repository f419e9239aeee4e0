"""The client of our own commands: one cloud of clouds.yaml, endpoints from its catalog.

Importing this package imports no OpenStack library: a command that fails before it speaks to a
server should fail at once.
"""

from faultwire.client.errors import ClientError, message_of
from faultwire.client.session import Session

__all__ = ["ClientError", "Session", "message_of"]
