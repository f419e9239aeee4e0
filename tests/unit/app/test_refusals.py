"""What was refused, on its way into the audit record."""

from faultwire.app.refusals import KINDS, LINES, Refusals
from faultwire.domain.commands import Command, NoteRefusals
from faultwire.domain.errors import Unavailable
from faultwire.testing.clock import ManualClock
from faultwire.testing.intake import RecordingIntake


def lines(intake: RecordingIntake) -> list[tuple[str, str, str, str]]:
    (command,) = intake.commands
    assert isinstance(command, NoteRefusals)
    return [(one.action, one.target, one.actor.source, one.detail) for one in command.records]


async def test_the_same_refusal_is_one_line_with_its_number() -> None:
    """What is refused a thousand times is told once, the most frequent first."""
    intake = RecordingIntake()
    refusals = Refusals(intake, ManualClock())
    refusals.note("agent.refused", "compute-1", "192.0.2.1")
    for _ in range(1000):
        refusals.note("login.refused", "admin", "192.0.2.7")
    await refusals.write()
    assert lines(intake) == [
        ("login.refused", "admin", "192.0.2.7", "1000 times"),
        ("agent.refused", "compute-1", "192.0.2.1", "once"),
    ]


async def test_nothing_refused_writes_nothing() -> None:
    """A quiet server does not grow its record, and what was written is not written again."""
    intake = RecordingIntake()
    refusals = Refusals(intake, ManualClock())
    await refusals.write()
    refusals.note("login.refused", "admin", "")
    await refusals.write()
    await refusals.write()
    assert len(intake.commands) == 1


async def test_a_flood_makes_few_lines() -> None:
    """However many addresses are refused, memory and record take a bounded number of them."""
    intake = RecordingIntake()
    refusals = Refusals(intake, ManualClock())
    for number in range(3 * KINDS):
        refusals.note("login.refused", "admin", f"192.0.2.{number}")
    await refusals.write()
    told = lines(intake)
    assert len(told) == LINES + 1
    assert told[-1] == ("refused", "(others)", "", f"{3 * KINDS - LINES} times")


async def test_what_cannot_be_kept_now_is_counted_on() -> None:
    """A database that is away loses no refusal."""
    intake = RecordingIntake()

    def away(command: Command) -> Exception:
        return Unavailable("away")

    refusals = Refusals(intake, ManualClock())
    intake.refuse, taking = away, intake.refuse
    refusals.note("login.refused", "admin", "")
    await refusals.write()
    refusals.note("login.refused", "admin", "")
    intake.refuse = taking
    await refusals.write()
    assert lines(intake) == [("login.refused", "admin", "", "2 times")]
