"""The command `faultwire consumer`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from faultwire.cli.consumer import consumer


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--listen", "8080"], "HOST:PORT"),
        (["--listen", ":1"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["--exec", "true"], "--secret"),
        (["--secret", "hunter2"], "whsec_"),
        (["--secret", "whsec_" + "A" * 32, "--exec", " "], "names no command"),
        (["--secret-file", "/nowhere/secrets"], "/nowhere/secrets"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(arguments: list[str], why: str) -> None:
    """Nothing is listened on; the message says what is wrong and repeats no secret."""
    result = CliRunner().invoke(consumer, arguments)
    assert result.exit_code == 2
    assert why in result.output
    assert "hunter2" not in result.output


def test_an_address_that_is_not_ours_is_said() -> None:
    """Where it cannot listen it ends with status 1."""
    result = CliRunner().invoke(consumer, ["--listen", "192.0.2.1:1"])
    assert result.exit_code == 1
    assert "cannot listen on 192.0.2.1:1" in result.output


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    """A file of secrets that holds something else is refused at the start."""
    file = tmp_path / "secrets"
    file.write_text("hunter2\n")
    result = CliRunner().invoke(consumer, ["--secret-file", str(file)])
    assert result.exit_code == 2
    assert "secret 1" in result.output
    assert "hunter2" not in result.output
