"""`faultwire` with names that never resolve: those below `hangs.test`.

The system's resolver takes no name server from its environment. So the look-up itself is put in
the place of one that never answers: a thread that waits, as in getaddrinfo.
"""

import threading

from faultwire.cli.main import main
from faultwire.notifier.delivery import resolver

HUNG = ".hangs.test"

_real = resolver.system_lookup


def lookup(host: str, family: int) -> resolver.Addresses:
    """Wait for ever for a hung name; look any other up."""
    if host.endswith(HUNG):
        threading.Event().wait()
    return _real(host, family)


resolver.system_lookup = lookup

if __name__ == "__main__":
    main(prog_name="faultwire")
