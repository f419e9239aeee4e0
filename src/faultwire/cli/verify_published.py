"""What OPNFV Doctor published of its notification time in 2017, to stand beside ours.

Milliseconds from the monitor's detection to the consumer's receipt, Ocata on DevStack, by number
of servers. Conservative: owners are told by Nova's notifications, after the states were set;
shortcut: the inspector tells them itself. Serial: one call after the other; parallel: in threads.
"""

from faultwire_profiler.many import Slope, slope

SERVERS = (1, 10, 25, 50)
SERIES: dict[str, tuple[float, ...]] = {
    "conservative, serial": (337.0, 2540.0, 6261.0, 12481.0),
    "conservative, parallel": (381.0, 658.0, 883.0, 1961.0),
    "shortcut, serial": (117.0, 223.0, 399.0, 704.0),
    "shortcut, parallel": (122.0, 201.0, 320.0, 584.0),
}


def published(name: str, servers: int) -> float | None:
    """Return a series' time for a number of servers; None where none was published."""
    return dict(zip(SERVERS, SERIES[name], strict=True)).get(servers)


def published_slope(name: str) -> Slope:
    """Return the line of least squares through a series (S80)."""
    fitted = slope(zip(SERVERS, SERIES[name], strict=True))
    assert fitted is not None  # noqa: S101  four different numbers of servers
    return fitted
