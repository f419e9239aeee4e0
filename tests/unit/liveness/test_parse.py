"""What fping says."""

from faultwire.liveness.parse import SILENT, UNSENT, read


def test_alive_unreachable_and_unsent_are_told_apart() -> None:
    """Times are microseconds; what could not be sent is not silent."""
    said = "10.0.0.1 is alive (0.021 ms)\n10.0.0.2 is unreachable\nfd00::1 is alive (12.3 ms)\n"
    said += "10.0.0.3 is unreachable\n10.0.0.4 is alive\n"
    complained = (
        "10.0.0.3: error while sending ping: Network is unreachable\n"
        "10.0.0.1: error while sending ping: No buffer space available\n"
        "ICMP Host Unreachable from 10.0.0.9 for ICMP Echo sent to 10.0.0.2\n"
    )
    assert read(said, complained) == {
        "10.0.0.1": 21,
        "10.0.0.2": SILENT,
        "fd00::1": 12300,
        "10.0.0.3": UNSENT,
        "10.0.0.4": 0,
    }


def test_what_is_none_of_it_says_nothing() -> None:
    """Lines of another kind are passed over."""
    assert read("", "") == {}
    assert read("fping: something else\n10.0.0.1 is alive (x ms)\n is alive\n", "?") == {}
