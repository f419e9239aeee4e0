"""Offsets of clocks by requests and answers."""

from faultwire_profiler.clocks import Offset, clocks
from faultwire_profiler.evidence import Exchange

MS = 1_000_000


def exchange(
    sent: float, there: float, answer: float, back: float, *, ahead: float, ends: str = "ab"
) -> Exchange:
    """Return an exchange by true times; the server's clock is `ahead` milliseconds."""
    server = [round((at + ahead) * MS) for at in (there, answer)]
    return Exchange(ends[0], ends[1], round(sent * MS), *server, round(back * MS))


def test_an_offset_is_known_to_half_the_way() -> None:
    """The error is half of what the way took, there and back."""
    known = clocks([exchange(0, 1, 5, 6, ahead=3_600_000)], "a")
    assert known.offset("b") == Offset(3_600_000 * MS, MS, 1)
    assert known.offset("a") == Offset(0, 0, 0)


def test_many_exchanges_narrow_the_error() -> None:
    """One quick request and another's quick answer bound the offset together."""
    pairs = [exchange(0, 0.1, 5, 9, ahead=-7), exchange(10, 14, 15, 15.1, ahead=-7)]
    offset = clocks(pairs, "a").offset("b")
    assert offset is not None
    assert offset.error_ns <= 0.1 * MS
    assert abs(offset.ns + 7 * MS) <= offset.error_ns
    assert offset.pairs == 2


def test_errors_add_up_over_machines() -> None:
    """A machine that only another speaks with is known through it, with both errors."""
    pairs = [
        exchange(0, 1, 2, 3, ahead=50, ends="ab"),
        Exchange("b", "c", 60 * MS, 163 * MS, 164 * MS, 67 * MS),
    ]
    known = clocks(pairs, "a")
    second = known.offset("c")
    assert second is not None
    assert second.error_ns == MS + 3 * MS
    assert second.ns == (50 + 100) * MS
    back = clocks(pairs, "c").offset("a")
    assert back is not None
    assert (back.ns, back.error_ns) == (-second.ns, second.error_ns)


def test_an_offset_bounded_from_one_side_is_unknown() -> None:
    """Requests without answers tell nothing that could be stated: unknown, never zero."""
    pairs = [Exchange("a", "b", 0, 5, None, None), Exchange("", "b", 0, 1, 2, 3)]
    assert clocks(pairs, "a").offset("b") is None
    assert clocks([], "a").offset("b") is None


def test_a_clock_that_was_set_is_said() -> None:
    """Where no single offset fits, the error covers all of them and the clock is unsteady."""
    pairs = [exchange(0, 1, 2, 3, ahead=0), exchange(10, 11, 12, 13, ahead=500)]
    offset = clocks(pairs, "a").offset("b")
    assert offset is not None
    assert not offset.steady
    assert offset.ns - offset.error_ns <= 0 <= 500 * MS <= offset.ns + offset.error_ns
