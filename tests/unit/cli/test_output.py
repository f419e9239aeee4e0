"""What the commands print: tables, JSON, and errors as exit statuses."""

import json

import click
import pytest
from click.testing import CliRunner

from faultwire.cli import output
from faultwire.client import ClientError, Session

ROWS = [
    {"id": "1", "name": "a[red]b", "up": True, "tags": ["x", "y"], "more": {"k": 1}},
    {"id": "2", "name": "bell\x07\x1b[2J", "up": False, "tags": [], "more": None},
]
COLUMNS = (("id", "ID"), ("name", "Name"), ("up", "Up"), ("tags", "Tags"), ("more", "More"))


def test_a_table_shows_its_columns_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup is not interpreted, and a name does not speak to the terminal."""
    output.print_rows(ROWS, COLUMNS, as_json=False, title="Things")
    shown = capsys.readouterr().out
    assert "Things" in shown
    assert "a[red]b" in shown
    assert "x, y" in shown
    assert '{"k":1}' in shown
    assert "yes" in shown
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown


def test_json_holds_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    """Records come back as they were."""
    output.print_rows(ROWS, COLUMNS[:1], as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS
    output.print_fields(ROWS[0], as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS[0]


def test_one_record_is_a_field_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields stand in their own order."""
    output.print_fields({"b": 1, "a": 2}, as_json=False)
    shown = capsys.readouterr().out
    assert shown.index(" b ") < shown.index(" a ")


def _command(error: Exception | None = None) -> click.Command:
    @click.command()
    @output.api_command
    def command(session: Session, *, as_json: bool) -> None:
        if error:
            raise error
        click.echo(f"{session._name} {as_json}")

    return command


def test_a_command_gets_its_cloud_and_form() -> None:
    """The options are the same everywhere."""
    result = CliRunner().invoke(_command(), ["--os-cloud", "here", "--json"])
    assert result.output == "here True\n"


def test_a_refusal_is_exit_status_1_and_wrong_usage_2() -> None:
    """Scripts can tell what the server said from what they did wrong."""
    refused = CliRunner().invoke(_command(ClientError("no such thing", 404)))
    assert (refused.exit_code, refused.output) == (1, "Error: no such thing\n")
    assert CliRunner().invoke(_command(), ["--nothing"]).exit_code == 2
