"""Records, secrets and the reaction of a consumer."""

from pathlib import Path

import pytest

from faultwire.consumers.reaction import Reaction, printable
from faultwire.consumers.records import Records
from faultwire.consumers.secrets import Secrets
from faultwire.domain import signature
from faultwire.domain.errors import Invalid

ONE, TWO = signature.new_secret(bytes(range(32))), signature.new_secret(bytes(32))


def test_records_are_bounded_by_number_and_size() -> None:
    """The oldest gives way; one that is larger than everything is kept alone."""
    records = Records(kept=3, kept_bytes=100)
    for number in range(5):
        records.add(f"d{number}", {}, 10, "/", 1, number)
    assert [r["delivery_id"] for r in records.since(0)] == ["d2", "d3", "d4"]
    assert records.again("d0") is None
    records.add("big", {}, 1000, "/", 1, 9)
    assert [r["delivery_id"] for r in records.since(0)] == ["big"]


def test_a_file_of_secrets_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotation takes effect without a restart; comments and empty lines are no secrets."""
    file = tmp_path / "secrets"
    file.write_text(f"# of project p\n\n{ONE}\n")
    secrets = Secrets([TWO], file)
    assert secrets.required
    assert secrets.current() == (TWO, ONE)
    file.write_text(f"{TWO}\n{ONE}\n")
    assert secrets.current() == (TWO, TWO, ONE)


@pytest.mark.parametrize("content", ["whsec_no\n", "é\n"])
def test_a_file_that_goes_wrong_leaves_the_former_secrets(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever edits the file badly locks nobody out, and the log says so without secrets."""
    file = tmp_path / "secrets"
    file.write_text(f"{ONE}\n")
    secrets = Secrets((), file)
    file.write_text(content)
    assert secrets.current() == (ONE,)
    file.unlink()
    assert secrets.current() == (ONE,)
    assert "stay valid" in caplog.text
    assert ONE not in caplog.text


@pytest.mark.parametrize("content", [None, "whsec_no\n", "é\n"])
def test_a_bad_file_is_an_error_at_the_start(tmp_path: Path, content: str | None) -> None:
    """The error names the file."""
    file = tmp_path / "secrets"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Invalid, match="secrets"):
        Secrets((), file)
    with pytest.raises(Invalid):
        Secrets(["hunter2"])


@pytest.mark.parametrize("command", ["", "  ", "echo 'open"])
def test_a_command_line_that_is_none_is_invalid(command: str) -> None:
    """What cannot be split into words is refused at the start."""
    with pytest.raises(Invalid):
        Reaction(command)


def test_text_for_a_terminal_is_harmless() -> None:
    """Control characters become question marks, and length is bounded."""
    assert printable("a\x1b[2Jb\n") == "a?[2Jb?"
    assert len(printable("x" * 1000)) == 500
