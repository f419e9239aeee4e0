"""The table of addresses that are pinged."""

from faultwire.liveness.parse import SILENT, UNSENT
from faultwire.liveness.pings import Heard, Table


def test_an_address_has_one_slot_however_many_use_it() -> None:
    """It is free again when nobody uses it, and another one's then."""
    table = Table()
    first, new = table.use("10.0.0.1", 1)
    assert new
    assert table.use("10.0.0.1", 2) == (first, False)
    assert not table.drop(first)
    assert table.drop(first)
    assert len(table) == 0
    assert table.use("10.0.0.2", 3) == (first, True)


def test_an_answer_to_the_slots_former_address_says_nothing() -> None:
    """A sweep that began before the slot was another's does not count."""
    table = Table()
    slot, _ = table.use("10.0.0.1", 1)
    table.drop(slot)
    table.use("10.0.0.2", 100)
    table.take([slot], [20], 50)
    assert table.heard([slot]) == Heard(answered=False, silent=False, at=None)
    table.take([slot], [20], 100)
    assert table.heard([slot]) == Heard(answered=True, silent=False, at=100, took_us=20)


def test_one_answer_is_enough_and_silence_must_be_everyones() -> None:
    """Alive if any answers; silent if all were asked and none does; else nothing is known."""
    table = Table()
    a, b = (table.use(f"10.0.0.{number}", 0)[0] for number in (1, 2))
    table.take([a], [SILENT], 5)
    assert table.heard([a, b]) == Heard(answered=False, silent=False, at=None)
    table.take([b], [UNSENT], 6)
    assert table.heard([a, b]) == Heard(answered=False, silent=False, at=5)
    table.take([b], [SILENT], 7)
    assert table.heard([a, b]) == Heard(answered=False, silent=True, at=5)
    table.take([b], [300], 8)
    assert table.heard([a, b]) == Heard(answered=True, silent=False, at=8, took_us=300)
    assert table.heard([]) == Heard(answered=False, silent=False, at=None)


def test_what_is_older_is_stale() -> None:
    """Slots that were never asked are, too."""
    table = Table()
    a, b, c = (table.use(f"10.0.0.{number}", 0)[0] for number in (1, 2, 3))
    table.take([a, b], [1, SILENT], 10)
    table.take([b], [1], 20)
    assert table.stale([a, b, c], 15) == [a, c]
