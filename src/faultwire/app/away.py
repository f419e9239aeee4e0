"""A database that is away: said once, and once more when it is back."""

import logging

from faultwire.domain.errors import Unavailable

log = logging.getLogger(__name__)


class Away:
    """What one task says of a database that it needs again and again."""

    def __init__(self, what: str) -> None:
        """Take what cannot be done meanwhile, as the begin of a sentence."""
        self._what = what
        self.now = False

    def failed(self, error: Unavailable) -> None:
        """Note a failure."""
        if not self.now:
            self.now = True
            log.warning("%s: %s", self._what, error.detail)

    def back(self) -> None:
        """Note a success."""
        if self.now:
            self.now = False
            log.warning("%s: no more, the database is back", self._what)
